import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { conflictsOf } from "../../engine/conflicts.ts";
import type { JsonObject } from "../../json.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { nativeCrds } from "./testing/cluster.ts";
import { deleteAsAdvised } from "./testing/kubectl.ts";
import { policy } from "./testing/source.ts";
import { assertState, goOn, runBefore, startWhole, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const NATIVES = { apiVersion: NATIVE, plural: "networkpolicies", namespace: "shop" };
const POLICIES = { ...NATIVES, apiVersion: V1 };
const SHOP = { apiVersion: "v1", plural: "namespaces", name: "shop" };
const SPEC = { types: ["Ingress"], order: 5 };
const WEB = { name: "web" };

type Act = (world: World) => Promise<unknown>;

/** What the v1 policy `web` becomes, or something else in its place. */
function native(spec: JsonObject = SPEC): JsonObject {
  const metadata = { ...WEB, namespace: "shop", labels: { "projectcalico.org/tier": "default" } };
  return { apiVersion: NATIVE, kind: "NetworkPolicy", metadata, spec: { tier: "default", ...spec } };
}

/** The native group holds a policy from before the run where the v1 policy `web` belongs. */
async function worldWith(theirs: JsonObject): Promise<World> {
  const world = await wholeWorld();
  for (const crd of nativeCrds()) await world.cluster.create(crdResource, crd);
  await world.cluster.create(POLICIES, policy("web", SPEC));
  await world.cluster.storage.create(NATIVES, theirs);
  return world;
}

function isThere({ cluster }: World): boolean {
  return `${NATIVE}/networkpolicies/shop/web` in cluster.dump();
}

const deletes: Act = ({ cluster }) => cluster.delete({ ...POLICIES, ...WEB });

/** While the aggregated API server serves, nobody who empties a namespace sees its native objects. */
const renewsNamespace: Act = async ({ cluster }) => {
  await cluster.delete(SHOP);
  await cluster.create(SHOP, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
};

/** Goes on until the native policy is named, which nothing becomes any more; then, once it is deleted, to the end. */
async function isNamedIn(
  world: World,
  { stopped, stage, act }: { stopped: string; stage: string; act: Act },
): Promise<void> {
  const worker = world.worker();
  const runId = await runBefore(world, worker, stopped);
  // A run that is held inside the lock.
  if (stage === "unlock") world.clock.advance(60_000);
  await act(world);
  const { run } = await goOn(world, worker, runId, stopped);
  assert.deepEqual([run.stage, run.failure?.code], [stage, "VERIFY_FAILED"], JSON.stringify(run.waiting));
  assert.match(run.failure?.message ?? "", /networkpolicies\/shop\/web .*nothing in the old group becomes/);
  assert.ok(isThere(world));

  await deleteAsAdvised(world.cluster, run.failure?.next ?? "");
  await worker.engine.resume(runId);
  assertState(await world.drive(worker, runId), "Succeeded");
  assert.equal(isThere(world), false);
}

describe("a native object from before the run, equal to its v1 object, which goes once they were compared,", () => {
  for (const [stopped, stage] of [
    ["follow", "follow"],
    ["lock", "catch-up"],
    ["catch-up-last", "catch-up-last"],
    ["verify-changes", "unlock"],
    ["switch", "unlock"],
    ["unlock", "unlock"],
  ] as const)
    test(`is named in ${stage} where that is right before ${stopped}`, async () => {
      using world = await worldWith(native());
      await isNamedIn(world, { stopped, stage, act: deletes });
    });

  test("is named before the lock where a namespace goes with its v1 object, and comes again", async () => {
    using world = await worldWith(native());
    await isNamedIn(world, { stopped: "follow", stage: "follow", act: renewsNamespace });
  });

  test("is named before the lock where a finalizer holds its v1 object", async () => {
    using world = await worldWith(native());
    const hold = { metadata: { finalizers: ["example.com/hold"] } };
    const worker = world.worker();
    const runId = await runBefore(world, worker, "follow");
    await world.cluster.patch({ ...POLICIES, ...WEB }, hold, { type: "merge" });
    await deletes(world);
    const { run } = await goOn(world, worker, runId, "follow");
    assert.deepEqual(
      [run.stage, run.failure?.code],
      ["follow", "VERIFY_FAILED"],
      JSON.stringify(run.waiting),
    );
  });

  test("is a conflict before the lock where a namespace comes again with another v1 object", async () => {
    using world = await worldWith(native());
    const worker = world.worker();
    const runId = await runBefore(world, worker, "follow");
    await renewsNamespace(world);
    await world.cluster.create(POLICIES, policy("web", { ...SPEC, order: 6 }));
    const { run } = await goOn(world, worker, runId, "follow");
    assert.deepEqual([run.stage, run.waiting?.reason], ["follow", "Conflict"]);
  });

  test("is no difference any more once the old group has it again", async () => {
    using world = await worldWith(native());
    const worker = world.worker();
    const runId = await runBefore(world, worker, "follow");
    await deletes(world);
    assert.equal((await goOn(world, worker, runId, "follow")).run.failure?.code, "VERIFY_FAILED");
    await world.cluster.create(POLICIES, policy("web", SPEC));
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
    assert.ok(isThere(world));
  });
});

describe("a native object that is no copy any more, and whose v1 object goes once they were compared,", () => {
  test("is named before the lock where a person had decided to keep it", async () => {
    using world = await worldWith(native({ ...SPEC, order: 1 }));
    const worker = world.worker();
    const runId = await startWhole(worker, { stopBefore: "follow", approvals: ["unlock", "cleanup"] });
    await world.drive(worker, runId);
    const conflicts = await Array.fromAsync(conflictsOf(worker.embedded.store, runId));
    const requests = conflicts.map(({ key, seen }) => ({ key, seen, use: "target" as const }));
    await worker.engine.resolve(runId, "ann", requests);
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "follow");
    await deletes(world);
    const { run } = await goOn(world, worker, runId, "follow");
    assert.deepEqual(
      [run.stage, run.failure?.code],
      ["follow", "VERIFY_FAILED"],
      JSON.stringify(run.waiting),
    );
  });

  test("is named before the lock where somebody has made it anew, as it was", async () => {
    using world = await wholeWorld();
    await world.cluster.create(POLICIES, policy("web", SPEC));
    const act: Act = async ({ cluster }) => {
      await cluster.storage.delete({ ...NATIVES, ...WEB });
      await cluster.storage.create(NATIVES, native());
      await deletes(world);
    };
    await isNamedIn(world, { stopped: "follow", stage: "follow", act });
  });
});
