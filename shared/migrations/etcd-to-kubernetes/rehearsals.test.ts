import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { approve, assertState, resume, runUpTo } from "./testing/steps.ts";
import { World } from "./testing/world.ts";

/** A policy that lets nobody change ClusterInformation. */
function guard(write: string): never {
  const message = `${write}: ValidatingAdmissionPolicy 'guard' denied request`;
  throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", message, { next: "", status: 403 });
}

describe("right before the lock", () => {
  test("a write that would be refused inside it leaves both sides unlocked, and is named", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    world.kubernetes.hooks.dryRun = (write, object) =>
      write.startsWith("replace") && write.includes("clusterinformations") ? guard(write) : object;
    const { run } = await approve(world, worker, runId, "lock");

    assert.equal(run.failure?.code, "REHEARSAL_FAILED");
    assert.match(run.failure.message, /lock ClusterInformation: .*'guard'.*; unlock ClusterInformation: /);
    assert.equal(readLock(world.etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "").ready, true);

    world.kubernetes.hooks.dryRun = undefined;
    await worker.engine.approve(runId, "test", "unlock");
    await worker.engine.approve(runId, "test", "switch");
    assertState(await resume(world, worker, runId), "Succeeded");
  });
});
