import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { migrationOf, action, failure, sweepOf, waitFor } from "./testing/stages.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import type { Migration } from "./migration.ts";
import { type Checkpoint, isEnd } from "./records.ts";

const broken = action<null>("switch", () => Promise.reject(failure("BROKEN", false)), {
  undo: [action<null>("switch-back", () => Promise.reject(failure("BROKEN_TOO", false)))],
});
const STAGES = [
  action<null>("look"),
  action<null>("pause", undefined, { changesCluster: true, undo: [action<null>("put-tools-back")] }),
  action<null>("lock", undefined, { lockWindow: "begins", undo: [action<null>("unlock-source")] }),
  broken,
];

function aCheckpoint(key: string): Checkpoint {
  return { rank: 0, key, state: "pending", target: key, sourceRevision: 1, detail: {} };
}

/** A run that can neither be finished nor undone. */
function withStuck(body: (rig: Rig<null>, runId: string) => Promise<void>): Promise<void> {
  return withRig(null, [migrationOf(STAGES)], async (rig) => {
    const { run } = await rig.run();
    await rig.engine.undo(run.runId, "rollback");
    const { state, failure: why } = (await rig.settle(run.runId)).run;
    assert.deepEqual([state, why?.code], ["Failed", "BROKEN_TOO"]);
    await body(rig, run.runId);
  });
}

describe("a run that is given up", () => {
  test("ends, frees its cluster, and names what stays behind", () =>
    withStuck(async (rig, runId) => {
      const left = await rig.engine.abandon(runId, "ann");
      const { run } = await rig.settle(runId);

      assert.deepEqual([run.state, isEnd(run.state), run.holdsCluster], ["Abandoned", true, false]);
      assert.deepEqual(run.leftBehind, left);
      assert.deepEqual(left, [
        { stage: "switch-back", title: "not done: Do switch-back" },
        { stage: "unlock-source", title: "not done: Do unlock-source" },
        { stage: "put-tools-back", title: "not done: Do put-tools-back" },
      ]);
      const told = (await rig.events(runId)).slice(-2);
      assert.deepEqual(
        told.map(({ type, data }) => [type, data["by"] ?? data["state"]]),
        [
          ["run.abandoned", "ann"],
          ["run.ended", "Abandoned"],
        ],
      );
      const next = await rig.settle(await rig.start());
      assert.equal(next.run.failure?.code, "BROKEN");
    }));

  test("does not name what was undone", () =>
    withRig(
      null,
      [
        migrationOf([
          ...STAGES.slice(0, 3),
          action<null>("switch", () => Promise.reject(failure("B", false))),
        ]),
      ],
      async (rig) => {
        const { run } = await rig.run();
        await rig.engine.undo(run.runId, "rollback");
        await rig.settle(run.runId);
        assert.deepEqual(await rig.engine.leftBehind(run.runId), []);
      },
    ));

  test("stays so: it is neither undone, nor resumed, nor given up again", () =>
    withStuck(async (rig, runId) => {
      await rig.engine.abandon(runId, "ann");
      const { run } = await rig.settle(runId);
      await assert.rejects(rig.engine.undo(runId, "rollback"), { code: "UNDO_ENDED", message: /given up/ });
      await assert.rejects(rig.engine.abandon(runId, "bob"), { code: "RUN_ENDED" });
      await assert.rejects(rig.engine.resume(runId), { code: "RUN_ENDED" });
      assert.equal((await rig.settle(runId)).run.version, run.version);
    }));

  test("needs no version that knows its stages, or even its migration", () =>
    withStuck(async (rig, runId) => {
      const strangers = [migrationOf([action<null>("look"), action<null>("other")])];
      const other = rig.engineWith({}, strangers);
      assert.deepEqual(
        (await other.leftBehind(runId)).map(({ stage }) => stage),
        ["pause", "lock", "switch"],
      );
      const none = rig.engineWith({}, []);
      await none.abandon(runId, "ann");
      assert.equal((await rig.settle(runId, none)).run.state, "Abandoned");
    }));

  test("is given up where it waits, with nothing under way any more", () =>
    withRig(
      null,
      [
        migrationOf([
          sweepOf<null>("copy", 3, () => Promise.resolve({ more: true, retryAfterMs: 60_000 }), {
            changesCluster: true,
          }),
        ]),
      ],
      async (rig) => {
        const runId = await rig.start();
        await rig.handleDue();
        await rig.engine.abandon(runId, "ann");
        const { run, stages } = await rig.settle(runId);
        assert.deepEqual([run.state, stages[0]?.openBatches], ["Abandoned", 0]);
      },
    ));

  test("at a gate ends at once", () =>
    withRig(
      null,
      [migrationOf([action<null>("wait", () => Promise.resolve(waitFor("x", 600_000)))])],
      async (rig) => {
        const runId = await rig.start();
        await rig.handleDue();
        await rig.engine.abandon(runId, "ann");
        await rig.handleDue();
        assert.equal((await rig.engine.describe(runId)).run.state, "Abandoned");
      },
    ));
});

describe("what is found of a run that is given up", () => {
  const locks = action<null>("lock", async (context) => {
    await context.ledger("resources").put([aCheckpoint("a"), aCheckpoint("b")]);
    await context.tellLock("locking", "both");
    await context.tellLock("locked", "both", {});
    return { done: true };
  });
  const migration: Migration<null> = {
    ...migrationOf([{ ...locks, changesCluster: true }, action<null>("stop")]),
    traces: async (runId, count) => [
      { stage: "resources", title: `${runId} has ${(await count("resources")).pending ?? 0}` },
    ],
  };

  async function withLeft(body: (rig: Rig<null>, runId: string) => Promise<void>): Promise<void> {
    await withRig(null, [migration], async (rig) => {
      const runId = await rig.start([], "stop");
      await rig.settle(runId);
      await rig.engine.abandon(runId, "ann");
      assert.equal((await rig.settle(runId)).run.state, "Abandoned");
      await body(rig, runId);
    });
  }

  test("is its lock, and what its migration knows by what was recorded", () =>
    withLeft(async (rig, runId) => {
      const [lock, resources] = (await rig.engine.describe(runId)).run.leftBehind ?? [];
      assert.match(lock?.title ?? "", /^locked since .*Z, marked with the run's name: both$/);
      assert.deepEqual(resources, { stage: "resources", title: `${runId} has 2` });
    }));

  test("is told to be unlocked once somebody else has lifted the lock, also by a version without it", () =>
    withLeft(async (rig, runId) => {
      const none = rig.engineWith({}, []);
      assert.equal(await none.tellLifted(runId, { side: "etcd", by: "bob" }), true);
      const { run } = await rig.engine.describe(runId);
      assert.equal(run.lock?.state, "unlocked");
      assert.equal(run.conditions.find(({ type }) => type === "DatastoreLocked")?.status, "False");
      const told = (await rig.events(runId)).at(-1);
      assert.deepEqual([told?.type, told?.data], ["datastore.unlocked", { side: "etcd", by: "bob" }]);
      assert.equal(await none.tellLifted(runId, { side: "etcd", by: "bob" }), true);
      assert.equal((await rig.engine.describe(runId)).run.version, run.version, "once");
    }));

  test("a run that has not ended is told nothing", () =>
    withRig(null, [migration], async (rig) => {
      const runId = await rig.start([], "stop");
      await rig.settle(runId);
      assert.equal(await rig.engine.tellLifted(runId, {}), false);
      assert.equal((await rig.engine.describe(runId)).run.lock?.state, "locked");
    }));
});

describe("a run can be undone", () => {
  test("until it has ended, has a stage that nobody knows, or its way back has failed", () =>
    withRig(null, [migrationOf(STAGES)], async (rig) => {
      const { run } = await rig.run();
      assert.equal(await rig.engine.isUndoable(run.runId), true);
      const strangers = [migrationOf([action<null>("look"), action<null>("other")])];
      assert.equal(await rig.engineWith({}, strangers).isUndoable(run.runId), false);
      assert.equal(await rig.engineWith({}, []).isUndoable(run.runId), false);
      await rig.engine.undo(run.runId, "rollback");
      await rig.settle(run.runId);
      assert.equal(await rig.engine.isUndoable(run.runId), false, "the way back has failed");
      await rig.engine.abandon(run.runId, "ann");
      await rig.settle(run.runId);
      assert.equal(await rig.engine.isUndoable(run.runId), false, "it has ended");
    }));
});

describe("a run of which nothing can be undone any more", () => {
  const erase = action<null>(
    "erase",
    async (context) => {
      await context.record({ begun: true });
      return { done: true };
    },
    {
      irreversible: true,
      beyondUndo: ({ begun }) => (begun === true ? "it is erased" : undefined),
      undo: [action<null>("refuse")],
    },
  );

  test("refuses to be undone before anything is turned: it stays Succeeded", () =>
    withRig(
      null,
      [migrationOf([action<null>("copy", undefined, { changesCluster: true }), erase])],
      async (rig) => {
        const before = await rig.run(["erase"]);
        assert.equal(before.run.state, "Succeeded");
        for (const kind of ["abort", "rollback"] as const)
          await assert.rejects(rig.engine.undo(before.run.runId, kind), {
            code: "UNDO_TOO_LATE",
            message: /it is erased/,
          });
        assert.deepEqual(await rig.settle(before.run.runId), before);
        assert.equal((await rig.run(["erase"])).run.state, "Succeeded");
      },
    ));

  test("goes on as it was where that was asked for in time and came too late", () =>
    withRig(null, [migrationOf([erase, action<null>("report")])], async (rig) => {
      const runId = await rig.start(["erase"], "report");
      await rig.settle(runId);
      await rig.ports.store.updateControl(runId, (control) => ({ ...control, undo: "rollback", retries: 1 }));
      await rig.engine.wake(runId);
      const { run, control } = await rig.settle(runId);
      assert.deepEqual([run.track, run.waiting?.subject, control.undo], ["forward", "report", undefined]);
      const refused = (await rig.events(runId)).filter(({ type }) => type === "undo.refused");
      assert.deepEqual(
        refused.map(({ data }) => data),
        [{ undo: "rollback", reason: "it is erased" }],
      );
    }));

  test("can be undone as long as nothing has begun", () =>
    withRig(null, [migrationOf([action<null>("copy"), erase])], async (rig) => {
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "rollback");
      assert.equal((await rig.settle(run.runId)).run.state, "RolledBack");
    }));
});
