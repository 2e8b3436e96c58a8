import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import { runBefore, wholeWorld } from "../apiserver-to-crds/testing/whole.ts";
import type { ClusterConnections } from "../connections.ts";
import { assertState, rollBack, runUpTo } from "../etcd-to-kubernetes/testing/steps.ts";
import { World } from "../etcd-to-kubernetes/testing/world.ts";
import type { FakeEtcd } from "../etcd-to-kubernetes/testing/fake-etcd.ts";
import { findLocks, forceUnlock, type Side } from "./locks.ts";

/** Lifts the lock of one datastore without its run, while the other one stays locked. */
async function unlockOne(
  kubernetes: ClusterConnections["kubernetes"],
  side: Side,
  etcd?: FakeEtcd,
): Promise<void> {
  const noEtcd = (): never => assert.fail("there is no etcd");
  const connections = { kubernetes, limiter: new AdaptiveLimiter(), etcd: () => etcd ?? noEtcd() };
  const withEtcd = etcd !== undefined;
  assert.equal((await forceUnlock(connections, side, withEtcd)).locked, true);
  const open = (await findLocks(connections, withEtcd)).filter(({ locked }) => !locked);
  assert.deepEqual(
    open.map((lock) => lock.side),
    [side],
  );
}

describe("a run whose lock was lifted without it", () => {
  test("from etcd is rolled back", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "unlock", { approvals: ["switch"] });
    await unlockOne(world.kubernetes, "etcd", world.etcd);
    await rollBack(world, worker, runId);
  });

  test("from the Kubernetes datastore that Calico was switched to goes on", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "unlock", { approvals: ["switch"] });
    await unlockOne(world.kubernetes, "crd.projectcalico.org", world.etcd);
    await worker.engine.approve(runId, "test", "unlock");
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("from the old group is rolled back", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "unlock");
    await unlockOne(world.cluster, "crd.projectcalico.org");
    await worker.engine.undo(runId, "rollback");
    assert.equal((await world.drive(worker, runId)).run.state, "RolledBack");
  });

  test("from the native group that Calico was switched to goes on", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "unlock");
    await unlockOne(world.cluster, "projectcalico.org");
    await worker.engine.approve(runId, "test", "unlock");
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });
});
