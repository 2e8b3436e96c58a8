import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { DomainEvent } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { essentialsOf } from "./essentials.ts";

const event = (data: JsonObject): DomainEvent => ({
  runId: "r1",
  sequence: 3,
  type: "run.failed",
  time: 5,
  data,
});

describe("the essentials of an event", () => {
  test("have its small members, long texts cut, and the names of what is missing", () => {
    const essentials = essentialsOf(
      event({ code: "CODE", message: "m".repeat(5_000), list: Array.from({ length: 5_000 }, () => 1) }),
    );

    assert.deepEqual(
      essentials,
      event({ code: "CODE", message: `${"m".repeat(1_000)}…`, omitted: ["list"] }),
    );
  });

  const sizes = fc.array(fc.tuple(fc.nat(5_000), fc.nat(20_000)), { maxLength: 30 });
  test("are small whatever the event is", () => {
    fc.assert(
      fc.property(sizes, fc.constantFrom("a", "ü", "\u0000", "\ud800"), (members, character) => {
        const named = members.map(([name, value], index) => [
          character.repeat(name) + String(index),
          index % 2 === 0 ? character.repeat(value) : [character.repeat(value)],
        ]);
        const data = Object.fromEntries(named) as JsonObject;

        const essentials = JSON.stringify(essentialsOf(event(data)));

        assert.ok(Buffer.byteLength(essentials) < 256 * 1024);
      }),
      { numRuns: 50 },
    );
  });
});
