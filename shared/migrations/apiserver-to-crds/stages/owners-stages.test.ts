import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { convertUid } from "../../../calico/uid.ts";
import type { JsonObject } from "../../../json.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import { ownerReferences } from "../owners/references.ts";
import { OWNER } from "../testing/cluster.ts";
import { putApiServiceBack } from "../testing/rivals.ts";
import { outerStages } from "../testing/stages.ts";
import { releaseOwned, releaseOwnedBack } from "./release-others.ts";
import { isAggregated } from "../testing/whole.ts";
import { rollBack, runTo, World } from "../testing/world.ts";

const CONFIG_MAPS = { apiVersion: "v1", plural: "configmaps", namespace: "shop" };
const STRANGER = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "stranger" };

/** The UID of the owner, as the API that serves `apiVersion` shows it. */
async function ownerUid(world: World, apiVersion: string): Promise<string> {
  return textAt(await world.cluster.get({ ...OWNER, apiVersion }), "metadata", "uid");
}

async function addOwned(world: World, name: string, reference: JsonObject): Promise<void> {
  const owner = {
    apiVersion: "projectcalico.org/v3",
    kind: "GlobalNetworkSet",
    name: OWNER.name,
    ...reference,
  };
  await world.cluster.create(CONFIG_MAPS, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "shop", ownerReferences: [STRANGER, { ...owner, controller: true }] },
  });
}

async function ownersOf(world: World, name: string): Promise<string[]> {
  const references = ownerReferences(await world.cluster.get({ ...CONFIG_MAPS, name }));
  return references.map(({ uid }) => uid);
}

/** Somebody who has applied references to these owners. */
function manager(name: string, ...uids: string[]): JsonObject {
  const keys = uids.map((uid) => [`k:${JSON.stringify({ uid })}`, {}]);
  const references = { ".": {}, ...Object.fromEntries(keys) } as JsonObject;
  const fieldsV1 = { "f:metadata": { "f:ownerReferences": references } };
  return { manager: name, operation: "Apply", apiVersion: "v1", fieldsV1 };
}

/** As API servers do: what an object has no more belongs to nobody. */
async function forgetAbsent({ cluster }: World, ref: ObjectRef): Promise<void> {
  const object = await cluster.storage.get(ref);
  const present = new Set(ownerReferences(object).map(({ uid }) => `k:${JSON.stringify({ uid })}`));
  const managedFields = objectsAt(object, "metadata", "managedFields").map((entry) => {
    const set = objectAt(entry, "fieldsV1", "f:metadata", "f:ownerReferences");
    const left = Object.entries(set).filter(([key]) => key === "." || present.has(key));
    if (left.length === 0) return entry;
    return { ...entry, fieldsV1: { "f:metadata": { "f:ownerReferences": Object.fromEntries(left) } } };
  });
  await cluster.storage.patch(ref, { metadata: { managedFields } }, { type: "merge" });
}

suite("owner references to Calico objects", () => {
  test("are off while the switch is made, and then name the native objects, also those of the old group", async () => {
    using world = await World.create(outerStages());
    const shown = await ownerUid(world, "projectcalico.org/v3");
    await addOwned(world, "settings", { uid: shown });
    await addOwned(world, "old", { apiVersion: "crd.projectcalico.org/v1", uid: convertUid(shown) ?? "" });
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "remove-apiservice" });
    assert.deepEqual(await ownersOf(world, "settings"), ["stranger"]);
    assert.deepEqual(await ownersOf(world, "old"), ["stranger"]);

    await worker.engine.approve(runId, "test", "remove-apiservice");
    await world.drive(worker, runId);

    const native = await ownerUid(world, "projectcalico.org/v3");
    assert.notEqual(native, shown);
    for (const name of ["settings", "old"]) {
      const references = ownerReferences(await world.cluster.get({ ...CONFIG_MAPS, name }));
      assert.deepEqual(references, [
        STRANGER,
        {
          apiVersion: "projectcalico.org/v3",
          kind: "GlobalNetworkSet",
          name: OWNER.name,
          uid: native,
          controller: true,
        },
      ]);
    }
  });

  test("of an object that is created after the first scan are taken off before the switch", async () => {
    using world = await World.create(outerStages());
    const shown = await ownerUid(world, "projectcalico.org/v3");
    await addOwned(world, "first", { uid: shown });
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "lock" });
    await addOwned(world, "late", { uid: shown });
    await worker.engine.approve(runId, "test", "lock");
    await world.drive(worker, runId);
    const native = await ownerUid(world, "projectcalico.org/v3");
    assert.deepEqual(await ownersOf(world, "late"), ["stranger", native]);
  });

  for (const stopBefore of ["lock", "remove-apiservice", "switch", "unlock"]) {
    test(`are as they were when a run is undone before ${stopBefore}`, async () => {
      using world = await World.create(outerStages());
      await addOwned(world, "settings", { uid: await ownerUid(world, "projectcalico.org/v3") });
      const before = world.cluster.dump();
      const worker = world.worker();
      await rollBack(world, worker, await runTo(world, worker, { stopBefore, approvals: ["unlock"] }));
      assert.deepEqual(world.cluster.dump(), before);
    });
  }

  for (const way of ["at the end", "on the way back"] as const)
    test(`belong ${way} to whoever had set them`, async () => {
      using world = await World.create(outerStages().concat(releaseOwned), { afterUndo: [releaseOwnedBack] });
      const shown = await ownerUid(world, "projectcalico.org/v3");
      await addOwned(world, "settings", { uid: shown });
      const ref = { ...CONFIG_MAPS, name: "settings" };
      const applied = [manager("argocd", "stranger", shown)];
      await world.cluster.patch(ref, { metadata: { managedFields: applied } }, { type: "merge" });
      world.meanwhile.after.push(async (write) => {
        if (write === "patch v1/configmaps/shop/settings") await forgetAbsent(world, ref);
      });
      const worker = world.worker();
      if (way === "at the end") await runTo(world, worker);
      else await rollBack(world, worker, await runTo(world, worker, { stopBefore: "remove-apiservice" }));
      const uid = way === "at the end" ? await ownerUid(world, "projectcalico.org/v3") : shown;
      const { metadata } = await world.cluster.get(ref);
      assert.deepEqual((metadata as JsonObject)["managedFields"], [manager("argocd", "stranger", uid)]);
    });

  test("whose owner was not copied stay off, and are named", async () => {
    using world = await World.create(outerStages());
    await addOwned(world, "orphan", { name: "gone", uid: "0f0f0f0f-0000-4000-8000-0000000000aa" });
    const worker = world.worker();
    const runId = await runTo(world, worker);
    assert.deepEqual(await ownersOf(world, "orphan"), ["stranger"]);
    const [row] = await worker.embedded.store.listCheckpoints(runId, "foreign-owners", { limit: 10 });
    assert.deepEqual(row?.detail["missing"], ["GlobalNetworkSet gone"]);
  });

  /** Has others do something once, when the object is read that is to get its references back. */
  async function changedWhenRead(
    world: World,
    others: () => Promise<unknown>,
  ): Promise<{
    /** For each write of its references, whether an aggregated API server served meanwhile. */
    aggregated: boolean[];
    missing: unknown;
  }> {
    await addOwned(world, "settings", { uid: await ownerUid(world, "projectcalico.org/v3") });
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "restore-foreign-owners" });
    const get = world.cluster.get.bind(world.cluster);
    let isDone = false;
    world.cluster.get = async (ref, ...more) => {
      const object = await get(ref, ...more);
      if (!isDone && ref.name === "settings") {
        isDone = true;
        await others();
      }
      return object;
    };
    const aggregated: boolean[] = [];
    world.meanwhile.before.push(async (write) => {
      if (write === "patch v1/configmaps/shop/settings") aggregated.push(await isAggregated(world.cluster));
    });
    await worker.engine.approve(runId, "test", "restore-foreign-owners");
    const { run } = await world.drive(worker, runId);
    assert.deepEqual([run.state, isDone], ["Succeeded", true], JSON.stringify([run.stage, run.failure]));
    const [row] = await worker.embedded.store.listCheckpoints(runId, "foreign-owners", { limit: 10 });
    return { aggregated, missing: row?.detail["missing"] };
  }

  test("are put back only once the native group is shown again where others have hidden it right before the write", async () => {
    using world = await World.create(outerStages());
    const { aggregated } = await changedWhenRead(world, () => putApiServiceBack(world.cluster));
    assert.deepEqual(aggregated, [false]);
    assert.deepEqual(await ownersOf(world, "settings"), [
      "stranger",
      await ownerUid(world, "projectcalico.org/v3"),
    ]);
  });

  test("stay off, and are named, whose native owner was made anew right before the write", async () => {
    using world = await World.create(outerStages());
    const { cluster } = world;
    const { missing } = await changedWhenRead(world, async () => {
      const ref = { ...OWNER, apiVersion: "projectcalico.org/v3" };
      const { spec = {} } = await cluster.get(ref);
      await cluster.delete(ref);
      await cluster.create(ref, { kind: "GlobalNetworkSet", metadata: { name: OWNER.name }, spec });
    });
    assert.deepEqual(await ownersOf(world, "settings"), ["stranger"]);
    assert.deepEqual(missing, [`GlobalNetworkSet ${OWNER.name}`]);
  });

  test("are left as they are when that is asked for", async () => {
    using world = await World.create(outerStages());
    const shown = await ownerUid(world, "projectcalico.org/v3");
    await addOwned(world, "settings", { uid: shown });
    await runTo(world, world.worker(), { options: { skipForeignOwnerReferences: true } });
    assert.deepEqual(await ownersOf(world, "settings"), ["stranger", shown]);
  });
});
