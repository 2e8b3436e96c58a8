import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { convertUid } from "../../../calico/uid.ts";
import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { ownerReferences } from "../owners/references.ts";
import { OWNER } from "../testing/cluster.ts";
import { outerStages } from "../testing/stages.ts";
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

  test("whose owner was not copied stay off, and are named", async () => {
    using world = await World.create(outerStages());
    await addOwned(world, "orphan", { name: "gone", uid: "0f0f0f0f-0000-4000-8000-0000000000aa" });
    const worker = world.worker();
    const runId = await runTo(world, worker);
    assert.deepEqual(await ownersOf(world, "orphan"), ["stranger"]);
    const [row] = await worker.embedded.store.listCheckpoints(runId, "foreign-owners", { limit: 10 });
    assert.deepEqual(row?.detail["missing"], ["GlobalNetworkSet gone"]);
  });

  test("are left as they are when that is asked for", async () => {
    using world = await World.create(outerStages());
    const shown = await ownerUid(world, "projectcalico.org/v3");
    await addOwned(world, "settings", { uid: shown });
    await runTo(world, world.worker(), { options: { skipForeignOwnerReferences: true } });
    assert.deepEqual(await ownersOf(world, "settings"), ["stranger", shown]);
  });
});
