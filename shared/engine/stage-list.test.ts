import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import type { Stage } from "./migration.ts";
import type { StageRecord } from "./records.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { action, migrationOf } from "./testing/stages.ts";

type TestStage = Stage<null, JsonObject>;

function stage(name: string, undo: readonly string[] = [`un${name}`]): TestStage {
  return action(name, undefined, { changesCluster: true, undo: undo.map((one) => action<null>(one)) });
}

const FIRST = [stage("copy"), stage("lock"), stage("switch"), stage("report")];

/** A run of the first version that stands right before `switch`. */
function withOther(
  stages: readonly TestStage[],
  body: (rig: Rig<null>, runId: string, other: Rig<null>["engine"]) => Promise<void>,
): Promise<void> {
  return withRig(null, [migrationOf(FIRST)], async (rig) => {
    const { run } = await rig.run([], "switch");
    assert.deepEqual(run.stages, ["copy", "lock", "switch", "report"]);
    await body(rig, run.runId, rig.engineWith({}, [migrationOf(stages)]));
  });
}

/** Lets another version approve and go on. */
async function goOn(rig: Rig<null>, runId: string, other: Rig<null>["engine"]) {
  await other.approve(runId, "ann");
  return rig.settle(runId, other);
}

/** A run that is to be undone, as after the first step back. */
async function takenBack(rig: Rig<null>, runId: string): Promise<void> {
  const { store } = rig.ports;
  const lease = await store.acquireLease(`run/${runId}`, "test", 1_000);
  assert.ok(lease !== undefined);
  const { run } = await rig.engine.describe(runId);
  await store.saveRun({ ...run, track: "rollback", state: "RollingBack", stage: "uncopy" }, lease, []);
  const counts = { planned: false, batches: 0, openBatches: 0, total: 0, counts: {} };
  const record = { runId, track: "rollback", stage: "unlock", state: "done" } as const;
  await store.saveStage({ ...record, ...counts, notes: {}, startedAt: 0 }, lease);
  await store.releaseLease(lease);
}

function backOf(stages: readonly StageRecord[]): string[] {
  return stages.filter(({ track }) => track === "rollback").map(({ stage: name }) => name);
}

describe("a version with other stages", () => {
  const forward: [string, TestStage[], string, RegExp][] = [
    [
      "that has put one in before the present one passes it over nowhere",
      [stage("copy"), stage("check"), stage("lock"), stage("switch"), stage("report")],
      "RUN_STAGES_CHANGED",
      /pass over check/,
    ],
    [
      "that has renamed a finished one",
      [stage("copy-all"), stage("lock"), stage("switch"), stage("report")],
      "RUN_STAGE_UNKNOWN",
      /started the stage "copy"/,
    ],
    [
      "that lacks one which is still to come",
      [stage("copy"), stage("lock"), stage("switch")],
      "RUN_STAGES_CHANGED",
      /was to go through report/,
    ],
    [
      "that has those to come in another order",
      [stage("copy"), stage("lock"), stage("report"), stage("switch")],
      "RUN_STAGES_CHANGED",
      /another order|pass over report/,
    ],
  ];
  for (const [what, stages, code, message] of forward) {
    test(`${what} does not go on with the run, which the first version can`, () =>
      withOther(stages, async (rig, runId, other) => {
        const { run } = await goOn(rig, runId, other);
        assert.deepEqual([run.state, run.failure?.code], ["Failed", code]);
        assert.match(run.failure?.message ?? "", message);
        assert.match(run.failure?.next ?? "", /version of calico-migrator that started the run/);
        await rig.engine.resume(runId);
        assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      }));
  }

  test("that has one more after the present one goes through it", () =>
    withOther([...FIRST.slice(0, 3), stage("prove"), ...FIRST.slice(3)], async (rig, runId, other) => {
      const { run, stages } = await goOn(rig, runId, other);
      assert.deepEqual(
        [run.state, stages.map((one) => one.stage).slice(-2)],
        ["Succeeded", ["prove", "report"]],
      );
    }));

  test("that does not know a finished stage refuses to undo it, and turns nothing", () =>
    withOther([stage("copy-all"), ...FIRST.slice(1)], async (rig, runId, other) => {
      const before = await rig.engine.describe(runId);
      await assert.rejects(other.undo(runId, "rollback"), { code: "RUN_STAGE_UNKNOWN", message: /"copy"/ });
      assert.deepEqual(await rig.engine.describe(runId), before);
      await rig.engine.undo(runId, "rollback");
      // Asked of the version that knows it, carried out by one that does not.
      const { run } = await rig.settle(runId, other);
      assert.deepEqual([run.track, run.failure?.code], ["forward", "RUN_STAGE_UNKNOWN"]);
      await rig.engine.resume(runId);
      const undone = await rig.settle(runId);
      assert.equal(undone.run.state, "RolledBack");
      assert.deepEqual(
        undone.stages.filter(({ track }) => track === "rollback").map((one) => one.stage),
        ["unlock", "uncopy"],
      );
    }));

  test("that asks before a way back is passed by a run that is on it, and asks one that turns", () =>
    withOther(FIRST, async (rig, runId) => {
      const asks = [action<null>("ask")];
      const other = rig.engineWith({}, [migrationOf(FIRST, [], asks)]);
      await rig.engine.undo(runId, "rollback");
      await takenBack(rig, runId);
      await other.wake(runId);
      const { run, stages } = await rig.settle(runId, other);
      assert.deepEqual([run.state, backOf(stages)], ["RolledBack", ["unlock", "uncopy"]]);
      const later = await rig.start([], "switch");
      await rig.settle(later, other);
      await other.undo(later, "rollback");
      const turned = await rig.settle(later, other);
      assert.deepEqual(
        [turned.run.state, backOf(turned.stages)],
        ["RolledBack", ["ask", "unlock", "uncopy"]],
      );
    }));

  const back: [string, TestStage[], RegExp][] = [
    ["has renamed", [stage("copy", ["rub-out"]), stage("lock", ["free"]), ...FIRST.slice(2)], /"unlock"/],
    ["has put in", [stage("copy"), stage("lock", ["look", "unlock"]), ...FIRST.slice(2)], /pass over look/],
  ];
  for (const [what, stages, message] of back) {
    test(`does not go on with an undo of which it ${what} a step that was there`, () =>
      withOther(stages, async (rig, runId, other) => {
        await rig.engine.undo(runId, "rollback");
        await takenBack(rig, runId);
        await other.wake(runId);
        const settled = (await rig.settle(runId, other)).run;
        assert.match(settled.failure?.message ?? "", message);
        await rig.engine.resume(runId);
        assert.equal((await rig.settle(runId)).run.state, "RolledBack");
      }));
  }

  test("a run of old, which has kept no list, goes on where nothing is passed over", () =>
    withRig(null, [migrationOf(FIRST)], async (rig) => {
      const runId = await rig.start([], "switch");
      const lease = await rig.ports.store.acquireLease(`run/${runId}`, "test", 1_000);
      assert.ok(lease !== undefined);
      const { stages: _, ...old } = (await rig.engine.describe(runId)).run;
      await rig.ports.store.saveRun(old, lease, []);
      await rig.ports.store.releaseLease(lease);
      await rig.settle(runId);
      assert.equal((await goOn(rig, runId, rig.engine)).run.state, "Succeeded");
    }));
});
