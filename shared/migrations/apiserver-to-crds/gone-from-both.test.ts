import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deleteAsAdvised } from "./testing/kubectl.ts";
import { policy } from "./testing/source.ts";
import { assertState, goOn, runBefore, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const POLICIES = { apiVersion: V1, plural: "networkpolicies", namespace: "shop" };

async function put({ cluster }: World, name: string, order: number): Promise<void> {
  const object = policy(name, { order, types: ["Ingress"] });
  if (order === 1) await cluster.create(POLICIES, object);
  else await cluster.patch({ ...POLICIES, name }, { spec: { order } }, { type: "merge" });
}

/** A run goes on from right before a stage to its end, after something has happened. */
async function comesToTheEnd(world: World, stage: string, happen: () => Promise<unknown>): Promise<void> {
  const worker = world.worker();
  const runId = await runBefore(world, worker, stage);
  await happen();
  assertState(await goOn(world, worker, runId, stage), "Succeeded");
}

async function deleteBoth({ cluster }: World): Promise<void> {
  await cluster.delete({ ...POLICIES, name: "late" });
  await cluster.storage.delete({ ...POLICIES, apiVersion: NATIVE, name: "late" });
}

function copy({ cluster }: World): string | undefined {
  return cluster.dump()[`${NATIVE}/networkpolicies/shop/late`];
}

describe("an object that is gone from both groups", () => {
  test("is not missed by the first comparison, where nobody could put it right", async () => {
    using world = await wholeWorld();
    await put(world, "late", 1);
    await comesToTheEnd(world, "verify-copy", () => deleteBoth(world));
    assert.equal(copy(world), undefined);
  });

  test("is copied again where it was made again before the first comparison", async () => {
    using world = await wholeWorld();
    await put(world, "late", 1);
    await comesToTheEnd(world, "verify-copy", async () => {
      await deleteBoth(world);
      await put(world, "late", 1);
    });
    assert.ok(copy(world));
  });

  test("as its namespace went inside the lock is not missed there", async () => {
    using world = await wholeWorld();
    await put(world, "late", 1);
    // What changed since the copy is what is compared inside the lock.
    let isChanged = false;
    world.meanwhile.before.push(async (write) => {
      if (isChanged || !/^replace crd\.projectcalico\.org\/v1\/clusterinformations/.test(write)) return;
      isChanged = true;
      await put(world, "late", 2);
    });
    await comesToTheEnd(world, "verify-changes", () =>
      world.cluster.delete({ apiVersion: "v1", plural: "namespaces", name: "shop" }),
    );
    assert.ok(isChanged);
    assert.equal(copy(world), undefined);
  });

  test("is no difference any more once a person has deleted the copy that lived on", async () => {
    using world = await wholeWorld();
    await put(world, "late", 1);
    world.meanwhile.before.push(async (write) => {
      if (/^replace crd\.projectcalico\.org\/v1\/clusterinformations/.test(write))
        await put(world, "late", 2);
    });
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-changes");
    await world.cluster.delete({ ...POLICIES, name: "late" });
    const { run } = await goOn(world, worker, runId, "verify-changes");
    assert.match(run.failure?.message ?? "", /shop\/late \(the v1 object is gone again\)/);

    await deleteAsAdvised(world.cluster, run.failure?.next ?? "");
    await worker.engine.resume(runId);

    assertState(await world.drive(worker, runId), "Succeeded");
  });
});

describe("a copy that somebody has changed together with its v1 object", () => {
  const LATE = { ...POLICIES, apiVersion: NATIVE, name: "late" };

  test("is no difference of the first comparison, as catching up sees to it", async () => {
    using world = await wholeWorld();
    await put(world, "late", 1);
    await comesToTheEnd(world, "verify-copy", async () => {
      await put(world, "late", 2);
      await world.cluster.storage.patch(LATE, { spec: { order: 2 } }, { type: "merge" });
    });
    assert.match(copy(world) ?? "", /"order":2/);
  });

  test("and that goes, is none either: the copy goes with it", async () => {
    using world = await wholeWorld();
    await put(world, "late", 1);
    await comesToTheEnd(world, "verify-copy", async () => {
      await world.cluster.storage.patch(LATE, { spec: { order: 2 } }, { type: "merge" });
      await world.cluster.delete({ ...POLICIES, name: "late" });
    });
    assert.equal(copy(world), undefined);
  });

  test("into something else is a conflict before the lock", async () => {
    using world = await wholeWorld();
    await put(world, "late", 1);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-copy");
    await put(world, "late", 2);
    await world.cluster.storage.patch(LATE, { spec: { order: 3 } }, { type: "merge" });
    const { run } = await goOn(world, worker, runId, "verify-copy");
    assert.deepEqual([run.stage, run.waiting?.reason], ["follow", "Conflict"], JSON.stringify(run.failure));
  });
});
