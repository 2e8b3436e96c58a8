import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toNative } from "../../../calico/native/to-native.ts";
import { METADATA_ANNOTATION } from "../../../calico/metadata.ts";
import type { JsonObject } from "../../../json.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { Worker } from "../../testing/run-world.ts";
import { changed } from "../../testing/dumps.ts";
import { nativeCrds, OWNER } from "../testing/cluster.ts";
import { policy } from "../testing/source.ts";
import { assertState, goOn, rollBack, runBefore, wholeWorld } from "../testing/whole.ts";
import type { World } from "../testing/world.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const POLICIES = { plural: "networkpolicies", namespace: "shop" };
const JOB = {
  apiVersion: "batch/v1",
  kind: "Job",
  name: "seed",
  uid: "0f0f0f0f-0000-4000-8000-000000000001",
};
const SPEC = { types: ["Ingress"], tier: "default" };

/** The reference that Calico stores to an object of the old group. */
async function ownerReference(
  { cluster }: World,
  kind: string,
  ref: { plural: string; name: string },
): Promise<JsonObject> {
  const owner = await cluster.storage.get({ ...ref, apiVersion: OLD });
  return { apiVersion: OLD, kind, name: ref.name, uid: textAt(owner, "metadata", "uid") };
}

async function storePolicy({ cluster }: World, name: string, owners: JsonObject[]): Promise<void> {
  const object = policy(name, SPEC, { ownerReferences: owners });
  await cluster.storage.create({ ...POLICIES, apiVersion: OLD }, object);
}

async function setOwners({ cluster }: World, name: string, owners: JsonObject[]): Promise<void> {
  const annotations = { [METADATA_ANNOTATION]: JSON.stringify({ name, ownerReferences: owners }) };
  const ref = { ...POLICIES, apiVersion: OLD, name };
  await cluster.storage.patch(ref, { metadata: { annotations } }, { type: "merge" });
}

/** A policy with an owner, of which the native one is there already. */
async function storeTwice(world: World): Promise<void> {
  for (const crd of nativeCrds()) await world.cluster.create(crdResource, crd);
  await storePolicy(world, "twice", [await ownerReference(world, "GlobalNetworkSet", OWNER)]);
  const native = toNative(await world.cluster.storage.get({ ...POLICIES, apiVersion: OLD, name: "twice" }));
  assert.ok(native.outcome === "carry");
  await world.cluster.storage.create({ ...POLICIES, apiVersion: NATIVE }, native.object);
}

/** The owners of a native object, each told by its name and by whether it is there. */
async function nativeOwners({ cluster }: World, name: string): Promise<string[]> {
  const object = await cluster.storage.get({ ...POLICIES, apiVersion: NATIVE, name });
  const native = await cluster.storage.get({ ...OWNER, apiVersion: NATIVE });
  return objectsAt(object, "metadata", "ownerReferences").map((reference) => {
    const isNative = textAt(reference, "uid") === textAt(native, "metadata", "uid");
    return `${textAt(reference, "name")}${isNative ? " (native)" : ""}`;
  });
}

async function owned({ embedded }: Worker, runId: string): Promise<string[]> {
  const rows = await embedded.store.listCheckpoints(runId, "owned", { limit: 100 });
  return rows.map(({ key, state }) => `${key.slice(key.lastIndexOf("/") + 1)} ${state}`);
}

describe("Calico owners of native objects", () => {
  test("are those that the v1 objects have at the lock, also where nothing else has changed", async () => {
    using world = await wholeWorld();
    const office = await ownerReference(world, "GlobalNetworkSet", OWNER);
    await storePolicy(world, "loses", [office]);
    await storePolicy(world, "gains", []);
    await storePolicy(world, "bound", [office]);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    await setOwners(world, "loses", []);
    await setOwners(world, "gains", [office]);
    await setOwners(world, "bound", [JOB, office]);
    await goOn(world, worker, runId, "lock");

    assert.deepEqual(await nativeOwners(world, "loses"), []);
    assert.deepEqual(await nativeOwners(world, "gains"), ["office (native)"]);
    assert.deepEqual((await nativeOwners(world, "bound")).sort(), ["office (native)", "seed"]);
  });

  test("are looked for where there are any, and nowhere else", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch-operator");
    const { stages } = await world.describe(worker, runId);
    const restored = stages.find(({ stage }) => stage === "restore-owners");
    const rows = await owned(worker, runId);

    assert.ok(rows.includes("owned applied"), rows.join());
    assert.deepEqual([restored?.counts["owned"], restored?.total], [rows.length, rows.length]);
  });

  test("that this run has not copied stay off, and are named", async () => {
    using world = await wholeWorld();
    const gone = { apiVersion: OLD, kind: "Tier", name: "gone", uid: "0f0f0f0f-0000-4000-8000-0000000000aa" };
    await storePolicy(world, "orphan", [gone]);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch-operator");
    const failed = await worker.embedded.store.listCheckpoints(runId, "owned", {
      states: ["failed"],
      limit: 9,
    });

    assert.deepEqual(await nativeOwners(world, "orphan"), []);
    assert.deepEqual(
      failed.map(({ detail }) => [detail["missing"], detail["reason"]]),
      [[["Tier gone"], "it stays without its owner Tier gone, which is not a native object"]],
    );
  });

  test("that were made anew right before the write stay off, and are named", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "restore-owners");
    const { cluster } = world;
    const get = cluster.get.bind(cluster);
    let isDone = false;
    cluster.get = async (ref, ...more) => {
      const object = await get(ref, ...more);
      if (!isDone && ref.plural === POLICIES.plural && ref.name === "owned") {
        isDone = true;
        const native = await cluster.storage.get({ ...OWNER, apiVersion: NATIVE });
        await cluster.storage.delete({ ...OWNER, apiVersion: NATIVE });
        const { spec = {} } = native;
        const metadata = { name: OWNER.name };
        await cluster.storage.create(
          { ...OWNER, apiVersion: NATIVE },
          { apiVersion: NATIVE, kind: "GlobalNetworkSet", metadata, spec },
        );
      }
      return object;
    };
    await worker.engine.approve(runId, "test", "restore-owners");
    await world.drive(worker, runId, ({ stage }) => stage === "restore-foreign-owners");

    assert.ok(isDone);
    assert.ok((await owned(worker, runId)).includes("owned failed"));
    assert.deepEqual(await nativeOwners(world, "owned"), []);
  });

  test("are taken off again, on the way back, what was a native object before this run", async () => {
    using world = await wholeWorld();
    await storeTwice(world);
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch-operator");
    assert.deepEqual(await nativeOwners(world, "twice"), ["office (native)"]);

    await rollBack(world, worker, runId);

    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });

  test("of what was there before are taken off only with consent to what others have made of it", async () => {
    using world = await wholeWorld();
    await storeTwice(world);
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch-operator");
    const ref = { ...POLICIES, apiVersion: NATIVE, name: "twice" };
    await world.cluster.patch(ref, { spec: { order: 7 } }, { type: "merge" });
    await worker.engine.undo(runId, "rollback");
    world.cluster.hooks.dryRun = (write, object) => {
      if (!/^replace projectcalico\.org\/v3\/networkpolicies/.test(write)) return object;
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", write, { next: "", status: 403 });
    };
    const { failure } = (await world.drive(worker, runId)).run;
    assert.match(failure?.message ?? "", /put networkpolicies shop\/twice back/);
    world.cluster.hooks.dryRun = undefined;
    await worker.engine.resume(runId);
    const { waiting } = (await world.drive(worker, runId)).run;
    assert.match(waiting?.message ?? "", /forgets 1 changes .*networkpolicies\/shop\/twice$/);
    assert.equal(objectAt(await world.cluster.get(ref), "spec")["order"], 7);

    await worker.engine.approve(runId, "ann");

    assertState(await world.drive(worker, runId), "RolledBack");
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });
});
