import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { OLD_LOCK } from "./cluster-information.ts";
import { outerStages } from "./testing/stages.ts";
import { runTo, World } from "./testing/world.ts";

/** A policy that forbids every write whose name holds one of these. */
function forbid(world: World, ...parts: string[]): void {
  world.cluster.hooks.dryRun = (write, object) => {
    if (!parts.some((part) => write.includes(part))) return object;
    const message = `${write}: ValidatingAdmissionPolicy 'protect' denied request`;
    throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", message, { next: "", status: 403 });
  };
}

describe("right before the lock", () => {
  test("every write is tried that comes after it, and none is locked where one would be refused", async () => {
    using world = await World.create(outerStages());
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "lock" });
    forbid(
      world,
      "daemonsets",
      "apiservices",
      "delete apiextensions.k8s.io/v1/customresourcedefinitions/ippools.crd",
    );
    await worker.engine.approve(runId, "test", "lock");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "REHEARSAL_FAILED");
    assert.match(
      run.failure.message,
      /switch daemonsets\/calico-node.*; delete APIService v3.*; delete CustomResourceDefinition ippools\.crd/,
    );
    assert.equal(readLock(await world.cluster.get(OLD_LOCK)).ready, true);

    world.cluster.hooks.dryRun = undefined;
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });
});
