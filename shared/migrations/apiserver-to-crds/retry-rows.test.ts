import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { conflictsOf } from "../../engine/conflicts.ts";
import type { RunRecord } from "../../engine/records.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { resources } from "./context.ts";
import { retryUnsettled } from "./retry-rows.ts";
import { nativeCrds } from "./testing/cluster.ts";
import { mismatches } from "./testing/oracle.ts";
import { policy } from "./testing/source.ts";
import { startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";
import type { Worker } from "../testing/run-world.ts";
import { startRun, World } from "./testing/world.ts";

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
    // Preflight has looked for collisions by then.
    let isCopying = false;
    world.meanwhile.before.push(async (write) => {
      if (isCopying || !/^create projectcalico\.org\//.test(write)) return;
      isCopying = true;
      await world.cluster.create(OLD, policy("default.same", SPEC, { name: "same" }));
      await world.cluster.create(OLD, policy("same", SPEC));
    });
    const worker = world.worker();
    const runId = await stopped(world, worker);
    assert.ok(isCopying);

    await world.cluster.delete({ ...OLD, name: "same" });
    await resumed(world, worker, runId);

    assert.ok(
      world.cluster.storage.dump()[`${NATIVE}/same`] ??
        world.cluster.storage.dump()[`${NATIVE}/default.same`],
    );
    assert.deepEqual(await mismatches(world.cluster), []);
  });
});

describe("of very many resources that are unsettled,", () => {
  test("one resume tries all again that could not be copied", async () => {
    using world = await wholeWorld();
    // More than what is planned at a time.
    const names = Array.from({ length: 25 }, (_, index) => `many-${index}`);
    for (const name of names) await world.cluster.create(OLD, policy(name, SPEC));
    let isRefusing = true;
    world.meanwhile.before.push((write) =>
      isRefusing && write.includes("/many-") ? Promise.reject(refused()) : Promise.resolve(),
    );
    const worker = world.worker();
    const runId = await startWhole(worker, {
      approvals: ["unlock"],
      stopBefore: "cleanup",
      options: { batchSize: 1 },
    });
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "COPY_FAILED");

    isRefusing = false;
    await resumed(world, worker, runId);

    assert.deepEqual(await mismatches(world.cluster), []);
  });

  test("inside the lock, too", async () => {
    const rows = Array.from({ length: 1001 }, (_, index) => {
      const key = `crd.projectcalico.org/v1/networkpolicies/shop/gone-${index}`;
      return { rank: 2, key, target: key, state: "failed" as const, sourceRevision: 1, detail: {} };
    });
    using world = await World.create([
      {
        kind: "action",
        name: "retry",
        title: "try again what was deleted in the old group",
        act: async (context) => {
          await resources(context).put(rows);
          await retryUnsettled(context, [2], -1);
          await context.record({ states: await resources(context).count() });
          return { done: true };
        },
      },
    ]);
    const worker = world.worker();
    const { stages } = await world.drive(worker, await startRun(worker, { approvals: [] }));
    assert.deepEqual(stages[0]?.notes["states"], { reverted: 1001 });
  });

  test("those are found that a person has settled on the cluster, wherever they are", async () => {
    using world = await wholeWorld();
    for (const crd of nativeCrds()) await world.cluster.create(crdResource, crd);
    const names = Array.from({ length: 1001 }, (_, index) => `many-${1000 + index}`);
    for (const name of names) {
      await world.cluster.create(OLD, policy(name, SPEC));
      const native = { apiVersion: "projectcalico.org/v3", kind: "NetworkPolicy" };
      const metadata = { name, namespace: "shop" };
      await world.cluster.storage.create({ ...OLD, ...native }, { ...native, metadata, spec: { order: 1 } });
    }
    const last = names.at(-1) ?? "";
    const worker = world.worker();
    const runId = await startWhole(worker, { options: { batchSize: 500 } });
    assert.equal((await world.drive(worker, runId)).run.waiting?.reason, "Conflict");

    await world.cluster.storage.delete({ ...OLD, apiVersion: "projectcalico.org/v3", name: last });
    const { run } = await world.drive(
      worker,
      runId,
      ({ waiting }) => waiting?.message.startsWith("1000 ") === true,
    );

    assert.equal(run.waiting?.reason, "Conflict");
    const conflicts = await Array.fromAsync(conflictsOf(worker.embedded.store, runId));
    assert.equal(conflicts.length, 1000);
    assert.ok(!conflicts.some(({ target }) => target.endsWith(`/${last}`)));
  });
});

function refused(): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_INVALID", "refused", { next: "", status: 422 });
}
