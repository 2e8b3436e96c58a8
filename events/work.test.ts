import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { WorkMessage } from "../shared/engine/ports.ts";
import { encodeWork, parseWork } from "./work.ts";

const runId = fc.string({ minLength: 1 });
const advance: fc.Arbitrary<WorkMessage> = fc.oneof(
  fc.record({ type: fc.constant("run.advance"), runId }),
  fc.record({ type: fc.constant("run.advance"), runId, track: fc.constant("rollback") }),
);
const batch: fc.Arbitrary<WorkMessage> = fc.record({
  type: fc.constant("batch.work"),
  runId,
  track: fc.constantFrom("forward", "rollback"),
  stage: fc.string({ minLength: 1 }),
  batch: fc.nat(),
});

describe("work messages", () => {
  test("are read as they were written", () => {
    fc.assert(
      fc.property(fc.oneof(advance, batch), fc.nat(), (message, hops) => {
        assert.deepEqual({ ...parseWork(encodeWork(message, hops)).message }, { ...message });
        assert.equal(parseWork(encodeWork(message, hops)).hops, hops);
      }),
    );
  });

  test("mean the same whatever the order of their fields", () => {
    const fields = Object.entries(JSON.parse(encodeWork({ type: "run.advance", runId: "r1" }, 7)) as object);

    const turned = JSON.stringify(Object.fromEntries(fields.toReversed()), null, 2);

    assert.deepEqual(parseWork(turned), { message: { type: "run.advance", runId: "r1" }, hops: 7 });
  });

  test("of another version are refused, with the version that is understood", () => {
    for (const version of [2, "1", null]) {
      assert.throws(() => parseWork(JSON.stringify({ version, type: "run.advance", runId: "r1", hops: 0 })), {
        code: "MESSAGE_VERSION_UNKNOWN",
        message: /only version 1/,
      });
    }
  });

  const wrong = [
    { field: "type", change: { type: "run.stop" } },
    { field: "runId", change: { runId: "" } },
    { field: "hops", change: { hops: -1 } },
    { field: "hops", change: { hops: 1.5 } },
    { field: "track", change: { track: "forward" } },
    { field: '"stage"', change: { stage: "pre-copy" } },
  ];
  for (const { field, change } of wrong) {
    test(`with ${JSON.stringify(change)} are refused`, () => {
      const body = { version: 1, type: "run.advance", runId: "r1", hops: 0, ...change };

      assert.throws(() => parseWork(JSON.stringify(body)), {
        code: "MESSAGE_INVALID",
        message: new RegExp(field),
      });
    });
  }

  test("that are no JSON are refused without a word of theirs", () => {
    assert.throws(
      () => parseWork('{"token":"tiger"'),
      (error: Error) =>
        "code" in error && error.code === "MESSAGE_INVALID" && !error.message.includes("tiger"),
    );
  });
});
