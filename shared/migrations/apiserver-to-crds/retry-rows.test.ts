import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import type { RunRecord } from "../../engine/records.ts";
import { mismatches } from "./testing/oracle.ts";
import { policy } from "./testing/source.ts";
import { startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";
import type { Worker } from "../testing/run-world.ts";
import type { World } from "./testing/world.ts";

const OLD = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "shop" };
const NATIVE = "projectcalico.org/v3/networkpolicies/shop";
const SPEC = { order: 5, types: ["Ingress"] };

/** A run that has stopped because a resource could not be copied. */
async function stopped(world: World, worker: Worker): Promise<string> {
  const runId = await startWhole(worker, { approvals: ["unlock"], stopBefore: "cleanup" });
  const { run } = await world.drive(worker, runId);
  assert.equal(run.failure?.code, "COPY_FAILED", JSON.stringify([run.stage, run.failure, run.waiting]));
  return runId;
}

async function resumed(world: World, worker: Worker, runId: string): Promise<RunRecord> {
  await worker.engine.resume(runId);
  const { run } = await world.drive(worker, runId);
  assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
  return run;
}

describe("a resource that could not be copied, and is deleted in the old group before it is tried again", () => {
  test("leaves nothing behind of what was written for it", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    await world.cluster.create(OLD, policy("web", SPEC));
    world.meanwhile.after.push((write) =>
      write === `create ${NATIVE}/web` ? Promise.reject(refused()) : Promise.resolve(),
    );
    const worker = world.worker();
    const runId = await stopped(world, worker);
    assert.ok(world.cluster.storage.dump()[`${NATIVE}/web`]);

    await world.cluster.delete({ ...OLD, name: "web" });
    await resumed(world, worker, runId);

    assert.equal(world.cluster.storage.dump()[`${NATIVE}/web`], undefined);
    assert.deepEqual(await mismatches(world.cluster), []);
  });

  test("leaves the object of the other alone, with which it collided", async () => {
    using world = await wholeWorld();
    await world.cluster.create(OLD, policy("default.same", SPEC, { name: "same" }));
    await world.cluster.create(OLD, policy("same", SPEC));
    const worker = world.worker();
    const runId = await stopped(world, worker);

    await world.cluster.delete({ ...OLD, name: "same" });
    await resumed(world, worker, runId);

    assert.ok(
      world.cluster.storage.dump()[`${NATIVE}/same`] ??
        world.cluster.storage.dump()[`${NATIVE}/default.same`],
    );
    assert.deepEqual(await mismatches(world.cluster), []);
  });
});

function refused(): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_INVALID", "refused", { next: "", status: 422 });
}
