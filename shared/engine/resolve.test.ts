import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Resolution } from "./records.ts";
import type { StageOutcome } from "./migration.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { action, DONE, migrationOf } from "./testing/stages.ts";

const CONFLICT = { key: "Tier/a", kind: "Tier", seen: "x", since: 10 };
const WAIT: StageOutcome = { wait: { reason: "Conflict", message: "a differs", retryAfterMs: 0 } };

/** A stage that waits until somebody has decided about the conflict. */
function withConflict(
  body: (rig: Rig<null>, found: (Resolution | undefined)[]) => Promise<void>,
): Promise<void> {
  const found: (Resolution | undefined)[] = [];
  const stage = action<null>("copy", (context) => {
    const decision = context.resolution(CONFLICT);
    found.push(decision);
    return Promise.resolve(decision === undefined ? WAIT : DONE);
  });
  return withRig(null, [migrationOf([stage])], (rig) => body(rig, found));
}

describe("resolving a conflict", () => {
  test("makes the run go on by itself, with the decision, and tells who made it", () =>
    withConflict(async (rig, found) => {
      const { run } = await rig.run();
      assert.equal(run.waiting?.reason, "Conflict");
      rig.clock.advance(5);
      const at = rig.clock.now();
      await rig.engine.resolve(run.runId, "ann", [{ key: "Tier/a", seen: "x", use: "target" }]);

      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
      assert.deepEqual(found, [
        undefined,
        { key: "Tier/a", seen: "x", use: "target", by: "ann", at, retries: 1 },
      ]);
      const told = (await rig.events(run.runId)).filter(({ type }) => type === "conflict.resolved");
      const decisions = [{ key: "Tier/a", use: "target", by: "ann" }];
      assert.deepEqual(
        told.map(({ data }) => data),
        [{ count: 1, decisions }],
      );
    }));

  test("as it was before a later edit leaves the run waiting, and is told once", () =>
    withConflict(async (rig, found) => {
      const { run } = await rig.run();
      await rig.engine.resolve(run.runId, "ann", [{ key: "Tier/a", seen: "w", use: "source" }]);

      const { run: after } = await rig.settle(run.runId);
      assert.equal(after.waiting?.reason, "Conflict");
      assert.deepEqual(found, [undefined, undefined]);
      await rig.engine.resume(run.runId);
      await rig.settle(run.runId);
      const types = (await rig.events(run.runId)).map(({ type }) => type);
      assert.equal(types.filter((type) => type === "conflict.resolved").length, 1);
    }));

  test("of a paused run waits for its resume", () =>
    withConflict(async (rig) => {
      const { run } = await rig.run();
      await rig.engine.pause(run.runId);
      await rig.settle(run.runId);
      await rig.engine.resolve(run.runId, "ann", [{ key: "Tier/a", seen: "x", use: "skip" }]);

      assert.equal((await rig.settle(run.runId)).run.waiting?.reason, "Paused");
      await rig.engine.resume(run.runId);
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    }));

  test("is refused where there is nothing to decide, and changes nothing", () =>
    withConflict(async (rig) => {
      const request = [{ key: "Tier/a", seen: "x", use: "skip" }] as const;
      await assert.rejects(rig.engine.resolve("gone", "ann", request), { code: "RUN_NOT_FOUND" });
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "abort");
      await assert.rejects(rig.engine.resolve(run.runId, "ann", request), { code: "NOTHING_TO_RESOLVE" });
      await rig.settle(run.runId);
      await assert.rejects(rig.engine.resolve(run.runId, "ann", request), { code: "NOTHING_TO_RESOLVE" });

      assert.equal((await rig.engine.describe(run.runId)).control.resolutions, undefined);
    }));
});
