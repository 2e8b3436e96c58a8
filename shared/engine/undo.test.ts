import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { batchLease } from "./lease-names.ts";
import type { Action, Stage } from "./migration.ts";
import { NEVER, type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { action, DONE, failure, migrationOf, sweepOf } from "./testing/stages.ts";

type TestStage = Stage<null, JsonObject>;

/** Notes who was called. */
class Calls {
  readonly names: string[] = [];

  stage(name: string, over: Parameters<typeof action<null>>[2] = {}): Action<null, JsonObject> {
    const act = () => {
      this.names.push(name);
      return Promise.resolve(DONE);
    };
    return action<null>(name, act, over);
  }

  /** A migration that checks, copies, locks, and unlocks without return. */
  migration(copy: TestStage = this.stage("copy")) {
    const undoCopy = [this.stage("delete-copies"), this.stage("delete-namespaces")];
    return migrationOf<null>(
      [
        this.stage("check"),
        { ...copy, changesCluster: true, undo: undoCopy },
        this.stage("lock", { undo: [this.stage("unlock-source")] }),
        this.stage("unlock", { pointOfNoReturn: true, undo: [this.stage("carry-back")] }),
      ],
      [this.stage("prove")],
    );
  }

  /** What was called since the last look. */
  since(): string[] {
    return this.names.splice(0);
  }
}

async function withCalls(
  body: (rig: Rig<null>, calls: Calls) => Promise<void>,
  copy?: TestStage,
): Promise<void> {
  const calls = new Calls();
  await withRig(null, [calls.migration(copy)], (rig) => body(rig, calls));
}

describe("undoing a run", () => {
  test("undoes what has started, in reverse order, and then proves it", () =>
    withCalls(async (rig, calls) => {
      const { run } = await rig.run();
      assert.deepEqual(calls.since(), ["check", "copy", "lock"]);

      await rig.engine.undo(run.runId, "rollback");
      const undone = await rig.settle(run.runId);

      assert.deepEqual(calls.since(), ["unlock-source", "delete-copies", "delete-namespaces", "prove"]);
      assert.deepEqual([undone.run.state, undone.run.holdsCluster], ["RolledBack", false]);
      assert.deepEqual(
        undone.stages
          .filter(({ track }) => track === "rollback")
          .map(({ stage, state }) => `${stage} ${state}`),
        ["unlock-source done", "delete-copies done", "delete-namespaces done", "prove done"],
      );
    }));

  test("says in its messages that it is one, from the moment it is asked for", () =>
    withCalls(async (rig) => {
      const { run } = await rig.run();
      await rig.handleDue();
      await rig.engine.undo(run.runId, "rollback");
      const tracks = new Set<string | undefined>();
      for (let delivery = await rig.receive(); delivery; delivery = await rig.receive()) {
        tracks.add(delivery.message.track);
        await rig.engine.handle(delivery.message, NEVER);
        await rig.ports.queue.acknowledge(delivery);
      }

      assert.equal((await rig.engine.describe(run.runId)).run.state, "RolledBack");
      assert.deepEqual([...tracks], ["rollback"]);
    }));

  test("an abort ends as Aborted", () =>
    withCalls(async (rig) => {
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "abort");

      assert.equal((await rig.settle(run.runId)).run.state, "Aborted");
    }));

  test("a run that has not begun has only to be proved untouched", () =>
    withCalls(async (rig, calls) => {
      const runId = await rig.start();
      await rig.engine.undo(runId, "abort");

      assert.equal((await rig.settle(runId)).run.state, "Aborted");
      assert.deepEqual(calls.since(), ["prove"]);
    }));

  test("a run that has succeeded can be rolled back, and holds its cluster meanwhile", () =>
    withCalls(async (rig, calls) => {
      const { run } = await rig.run(["unlock"]);
      assert.equal(run.state, "Succeeded");
      calls.since();

      await rig.engine.undo(run.runId, "rollback");
      const undone = await rig.settle(run.runId);

      assert.equal(calls.since()[0], "carry-back");
      assert.equal(undone.run.state, "RolledBack");
      assert.ok((undone.run.finishedAt ?? 0) >= (run.finishedAt ?? Infinity));
    }));

  test("a run that has succeeded cannot be rolled back while another one holds its cluster, and says so once", () =>
    withCalls(async (rig) => {
      const first = await rig.run(["unlock"]);
      const second = await rig.run();
      assert.equal(second.run.holdsCluster, true);

      await rig.engine.undo(first.run.runId, "rollback");
      const refused = await rig.settle(first.run.runId);
      assert.equal(refused.run.failure?.code, "CLUSTER_BUSY");
      await rig.engine.handle({ type: "run.advance", runId: first.run.runId }, NEVER);
      assert.equal((await rig.events(first.run.runId)).filter(({ type }) => type === "run.failed").length, 1);

      await rig.engine.undo(second.run.runId, "rollback");
      await rig.settle(second.run.runId);
      await rig.engine.resume(first.run.runId);
      assert.equal((await rig.settle(first.run.runId)).run.state, "RolledBack");
    }));

  test("a run that has ended is not resumed, unless it is to be undone and nobody has begun", () =>
    withCalls(async (rig) => {
      const { run } = await rig.run(["unlock"]);
      assert.equal(run.state, "Succeeded");
      const ended = { code: "RUN_ENDED", next: "Nothing is left to resume." };
      await assert.rejects(rig.engine.resume(run.runId), ended);
      await rig.engine.undo(run.runId, "rollback");
      await rig.engine.resume(run.runId);
      assert.equal((await rig.settle(run.runId)).run.state, "RolledBack");
      await assert.rejects(rig.engine.resume(run.runId), { code: "RUN_ENDED", next: /Start again with/ });
    }));

  test("a failed run can be undone", () => {
    const copy = action<null>("copy", () => Promise.reject(failure("WRONG", false)));
    return withCalls(async (rig, calls) => {
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "rollback");

      const undone = await rig.settle(run.runId);
      assert.deepEqual([undone.run.state, undone.run.failure], ["RolledBack", undefined]);
      assert.deepEqual(calls.since(), ["check", "delete-copies", "delete-namespaces", "prove"]);
    }, copy);
  });

  test("a paused run can be undone without being resumed", () =>
    withCalls(async (rig) => {
      const runId = await rig.start();
      await rig.engine.pause(runId);
      await rig.handleDue();
      await rig.engine.undo(runId, "abort");

      assert.equal((await rig.settle(runId)).run.state, "Aborted");
    }));

  test("undoing that fails is taken up again by a resume, where it failed", async () => {
    let broken = true;
    const fragile = action<null>("restore", () =>
      broken ? Promise.reject(failure("WRONG", false)) : Promise.resolve(DONE),
    );
    const calls = new Calls();
    const migration = migrationOf<null>([
      calls.stage("one", { undo: [calls.stage("undo-one")] }),
      calls.stage("two", { undo: [fragile] }),
      calls.stage("three", { undo: [calls.stage("undo-three")] }),
    ]);
    await withRig(null, [migration], async (rig) => {
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "rollback");
      const failed = await rig.settle(run.runId);
      assert.deepEqual([failed.run.state, failed.run.stage], ["Failed", "restore"]);

      broken = false;
      await rig.engine.resume(run.runId);
      assert.equal((await rig.settle(run.runId)).run.state, "RolledBack");
      assert.deepEqual(calls.since(), ["one", "two", "three", "undo-three", "undo-one"]);
    });
  });

  test("asked twice, a run is undone once, and keeps its first name for it", () =>
    withCalls(async (rig, calls) => {
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "abort");
      await rig.engine.undo(run.runId, "rollback");

      assert.equal((await rig.settle(run.runId)).run.state, "Aborted");
      assert.equal(calls.names.filter((name) => name === "delete-copies").length, 1);
    }));
});

describe("batches under way when a run is undone", () => {
  const counted = () => Promise.resolve({ done: true as const, counts: { seen: 1 } });

  test("those that nobody works on are cancelled, and counted nowhere", () =>
    withCalls(
      async (rig) => {
        const runId = await rig.start();
        await rig.handleDue(rig.engine, "run.advance");
        const first = await rig.receive("batch.work");
        assert.ok(first);
        await rig.engine.handle(first.message, NEVER);

        await rig.engine.undo(runId, "rollback");
        const { stages } = await rig.settle(runId);

        const copy = stages.find(({ stage }) => stage === "copy");
        assert.deepEqual([copy?.batches, copy?.openBatches, copy?.counts], [3, 0, { seen: 1 }]);
        const batch = await rig.ports.store.getBatch({ runId, track: "forward", stage: "copy", batch: 2 });
        assert.equal(batch?.state, "cancelled");
      },
      sweepOf("copy", 3, counted),
    ));

  test("the run turns only when the worker at a batch has finished it", () =>
    withCalls(
      async (rig, calls) => {
        const runId = await rig.start();
        await rig.handleDue(rig.engine, "run.advance");
        const name = batchLease({ runId, track: "forward", stage: "copy", batch: 1 });
        const lease = await rig.ports.store.acquireLease(name, "other", SETTINGS.leaseTtlMs);
        assert.ok(lease);

        await rig.engine.undo(runId, "rollback");
        await rig.handleDue();
        const { run } = await rig.engine.describe(runId);
        assert.deepEqual([run.track, run.waiting?.reason], ["forward", "Gate"]);
        assert.deepEqual(calls.since(), ["check"]);

        await rig.ports.store.releaseLease(lease);
        assert.equal((await rig.settle(runId)).run.state, "RolledBack");
      },
      sweepOf("copy", 3, counted),
    ));

  test("a worker that died with its batch holds the run up until its lease has run out, and no longer", () =>
    withCalls(
      async (rig) => {
        const runId = await rig.start();
        await rig.handleDue(rig.engine, "run.advance");
        const name = batchLease({ runId, track: "forward", stage: "copy", batch: 0 });
        await rig.ports.store.acquireLease(name, "dead", SETTINGS.leaseTtlMs);
        const begin = rig.clock.now();

        await rig.engine.undo(runId, "rollback");
        const { run } = await rig.settle(runId);

        const waited = rig.clock.now() - begin;
        assert.equal(run.state, "RolledBack");
        assert.ok(waited >= SETTINGS.leaseTtlMs && waited < 2 * SETTINGS.leaseTtlMs, `${waited} ms`);
      },
      sweepOf("copy", 1, counted),
    ));

  test("late messages for forward batches do nothing while the run is undone and afterwards", async () => {
    const worked: number[] = [];
    const work = (_context: unknown, { batch }: { batch: number }) => {
      worked.push(batch);
      return counted();
    };
    await withCalls(
      async (rig) => {
        const runId = await rig.start();
        await rig.handleDue(rig.engine, "run.advance");
        await rig.engine.undo(runId, "rollback");
        const message = { type: "batch.work", runId, track: "forward", stage: "copy", batch: 0 } as const;

        await rig.engine.handle(message, NEVER);
        await rig.settle(runId);
        await rig.engine.handle(message, NEVER);

        assert.deepEqual(worked, []);
      },
      sweepOf("copy", 2, work),
    );
  });
});
