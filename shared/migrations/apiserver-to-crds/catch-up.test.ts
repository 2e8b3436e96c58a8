import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunRecord } from "../../engine/records.ts";
import { isSettled } from "../../engine/settled.ts";
import { mismatches } from "./testing/oracle.ts";
import { assertState, startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";
import { type UserWrite, writeAsUser } from "./testing/writers.ts";

const LATE: UserWrite = { name: "owned", act: "put", via: "crd.projectcalico.org/v1", order: 42 };

function isQuieting({ stage, waiting }: RunRecord): boolean {
  return stage === "catch-up-last" && waiting?.reason === "Gate";
}

for (const [how, create] of [
  ["with the second version", wholeWorld],
  ["without it", wholeWorldWithoutSecondVersion],
] as const) {
  describe(`inside the lock, ${how}`, () => {
    test("what is in flight is waited for, and counts from then on", async () => {
      using world = await create();
      const worker = world.worker();
      const quietMs = 20_000;
      const runId = await startWhole(worker, {
        options: { quietMs },
        stopBefore: "switch-operator",
        approvals: ["unlock"],
      });
      const isDone = (run: RunRecord): boolean => run.waiting?.subject === "switch-operator";
      await world.drive(worker, runId, isQuieting);
      for (let waited = 0; waited < 5; waited++) {
        world.clock.advance(2_000);
        await worker.engine.wakeDue();
      }
      await writeAsUser(world.cluster, LATE);
      const writtenAt = world.clock.now();

      const { stages, run } = await world.drive(worker, runId, isDone);

      assert(isDone(run), JSON.stringify([run.stage, run.failure]));
      const { startedAt = 0, finishedAt = 0 } = stages.find(({ stage }) => stage === "catch-up-last") ?? {};
      assert(finishedAt - writtenAt >= quietMs, `${finishedAt - writtenAt} ms after the last write`);
      assert(finishedAt - startedAt < 3 * quietMs);
      assert.deepEqual(await mismatches(world.cluster), []);
    });
  });
}

const NODE_STATUS = {
  apiVersion: "crd.projectcalico.org/v1",
  plural: "caliconodestatuses",
  name: "watch-a",
};

describe("a locked group that is written to without end", () => {
  test("is quiet where it is the status of nodes, which is copied all the same", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const quietMs = 20_000;
    const runId = await startWhole(worker, {
      options: { quietMs },
      stopBefore: "cleanup",
      approvals: ["unlock"],
    });
    let ticks = 0;
    const isOver = (run: RunRecord, control: Parameters<typeof isSettled>[1]): boolean => {
      if (isQuieting(run)) ticks++;
      return isSettled(run, control);
    };
    world.meanwhile.lists.push(async (list) => {
      if (ticks === 0 || !list.includes("crd.projectcalico.org/v1/")) return;
      const status = { lastUpdated: new Date(world.clock.now() + ticks++).toISOString() };
      await world.cluster.patch(NODE_STATUS, { status }, { type: "merge", subresource: "status" });
    });
    const { run, stages } = await world.drive(worker, runId, isOver);
    assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
    const { startedAt = 0, finishedAt = 0 } = stages.find(({ stage }) => stage === "catch-up-last") ?? {};
    assert(ticks > 5, `${ticks} writes`);
    assert(finishedAt - startedAt < 1.5 * quietMs, `${finishedAt - startedAt} ms`);
  });

  test("is given up after a time, with who writes, and goes on once they have stopped", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const options = { quietMs: 3000, quietDeadlineMs: 60_000 };
    const runId = await startWhole(worker, { options });
    let isBusy = true;
    let order = 100;
    let seen = "";
    const keepWriting = async (run: RunRecord): Promise<void> => {
      if (isBusy && isQuieting(run)) await writeAsUser(world.cluster, { ...LATE, order: ++order });
    };
    let writing = Promise.resolve();
    const { run } = await world.drive(worker, runId, (one, control) => {
      if (one.waiting?.message.includes("in spite") === true) seen = one.waiting.message;
      writing = writing.then(() => keepWriting(one));
      return isSettled(one, control);
    });
    await writing;
    assert.equal(run.failure?.code, "OLD_GROUP_BUSY", JSON.stringify([run.stage, run.waiting]));
    assert.match(run.failure.message, /NetworkPolicy shop\/owned by user/);
    assert.match(seen, /written to: NetworkPolicy shop\/owned by user/);
    isBusy = false;
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });
});

describe("what nobody is told of", () => {
  for (const act of ["put", "delete", "recreate"] as const)
    test(`is found before the unlock all the same, by comparing every object (${act})`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const runId = await startWhole(worker, { stopBefore: "lock", approvals: ["unlock", "cleanup"] });
      await world.drive(worker, runId);
      const { cluster } = world;
      const changes = cluster.changes.bind(cluster);
      cluster.changes = async (ref, options) => ({ ...(await changes(ref, options)), events: [] });
      await writeAsUser(cluster, { ...LATE, act });
      await worker.engine.approve(runId, "test", "lock");
      world.meanwhile.before.push(async (write) => {
        if (/^replace projectcalico\.org\/v3\/clusterinformations/.test(write))
          assert.deepEqual(withoutOwners(await mismatches(cluster)), []);
      });
      assertState(await world.drive(worker, runId), "Succeeded");
    });
});

describe("what was written right before the lock", () => {
  test("is applied by comparing, and is not waited for by a watch inside it, which takes seconds", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await startWhole(worker, { stopBefore: "lock", approvals: ["unlock", "cleanup"] });
    await world.drive(worker, runId);
    const { cluster } = world;
    await writeAsUser(cluster, LATE);
    const watched: string[] = [];
    let isRemoved = false;
    const changes = cluster.changes.bind(cluster);
    cluster.changes = (ref, options) => {
      if (!isRemoved) watched.push(`${ref.apiVersion}/${ref.plural}`);
      return changes(ref, options);
    };
    world.meanwhile.before.push((write) => {
      isRemoved ||= write.startsWith("delete ") && write.includes("/apiservices/");
      return Promise.resolve();
    });
    await worker.engine.approve(runId, "test", "lock");
    assertState(await world.drive(worker, runId), "Succeeded");
    assert.ok(isRemoved);
    assert.deepEqual(watched, []);
  });
});

/** Owners are given back after the unlock. */
function withoutOwners(found: readonly string[]): string[] {
  return found.filter((one) => !one.includes(" has the owners "));
}
