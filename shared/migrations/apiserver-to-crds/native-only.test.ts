import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { nativeCrds } from "./testing/cluster.ts";
import { deleteAsAdvised } from "./testing/kubectl.ts";
import { policy } from "./testing/source.ts";
import {
  assertState,
  goOn,
  runBefore,
  startWhole,
  wholeWorld,
  wholeWorldWithoutSecondVersion,
} from "./testing/whole.ts";
import type { World } from "./testing/world.ts";
import { writeAsUser } from "./testing/writers.ts";

const NATIVE = "projectcalico.org/v3";
const V1 = "crd.projectcalico.org/v1";
const POLICIES = { apiVersion: NATIVE, plural: "networkpolicies", namespace: "shop" };
const BLOCKS = { apiVersion: NATIVE, plural: "ipamblocks" };
const HANDLES = { apiVersion: NATIVE, plural: "ipamhandles" };
const NODE_STATUS = { apiVersion: V1, plural: "caliconodestatuses", name: "watch-a" };

function allowAll(name: string): JsonObject {
  const spec = { tier: "default", types: ["Ingress"], ingress: [{ action: "Allow" }] };
  const metadata = { name, namespace: "shop", labels: { "projectcalico.org/tier": "default" } };
  return { apiVersion: NATIVE, kind: "NetworkPolicy", metadata, spec };
}

function block(cidr: string, handle: string): JsonObject {
  const name = cidr.replaceAll(/[./]/g, "-");
  const attributes = [{ handle_id: handle, secondary: {} }];
  return { apiVersion: NATIVE, kind: "IPAMBlock", metadata: { name }, spec: { cidr, attributes } };
}

async function worldWithForeign(): Promise<World> {
  const world = await wholeWorld();
  for (const crd of nativeCrds()) await world.cluster.create(crdResource, crd);
  await world.cluster.storage.create(POLICIES, allowAll("attacker"));
  return world;
}

describe("a native object that was there before the run, and that nothing in the old group becomes,", () => {
  test("is a difference, by name, until it is deleted", async () => {
    using world = await worldWithForeign();
    const worker = world.worker();
    const runId = await startWhole(worker, { stopBefore: "cleanup", approvals: ["unlock"] });
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify([run.stage, run.waiting]));
    assert.match(run.failure.message, /networkpolicies\/shop\/attacker .*nothing in the old group becomes/);
    assert.match(world.cluster.dump()[`${V1}/clusterinformations/default`] ?? "", /"datastoreReady":true/);

    // Under its short name kubectl would look for it in the old group.
    await assert.rejects(world.cluster.delete({ ...POLICIES, name: "attacker" }));
    assert.match(run.failure.next, new RegExp(`\`calico-migrator diff ${runId}\``));
    await deleteAsAdvised(world.cluster, run.failure.next);
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "cleanup");
  });

  test("is none any more once the old group has it too", async () => {
    using world = await worldWithForeign();
    const worker = world.worker();
    const runId = await startWhole(worker, { stopBefore: "cleanup", approvals: ["unlock"] });
    await world.drive(worker, runId);
    const spec = objectAt(allowAll("attacker"), "spec");
    await world.cluster.create({ ...POLICIES, apiVersion: V1 }, policy("attacker", spec));
    await worker.engine.resume(runId);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
  });
});

describe("what others do to native objects between the copy and the switch", () => {
  const OWNED = { ...POLICIES, name: "owned" };
  for (const [what, act, reason, command] of [
    [
      "created",
      ({ cluster }: World) => cluster.storage.create(POLICIES, allowAll("late")),
      /shop\/late .*nothing in the old/,
      /`kubectl delete networkpolicies\.v3(precopy)?\.projectcalico\.org late --namespace shop`/,
    ],
    [
      "changed to allow everything",
      ({ cluster }: World) =>
        cluster.storage.patch(OWNED, { spec: { ingress: [{ action: "Allow" }] } }, { type: "merge" }),
      /shop\/owned .*something else than the copy/,
      /`kubectl edit networkpolicies\.v3(precopy)?\.projectcalico\.org owned --namespace shop`/,
    ],
    [
      "deleted",
      ({ cluster }: World) => cluster.storage.delete(OWNED),
      /shop\/owned .*missing/,
      /or undo the run with `abort`\.$/,
    ],
  ] as const)
    for (const forgets of [false, true])
      test(`a policy that is ${what} right before the lock stops the run before the switch${forgets ? ", also where nobody is told of it" : ""}`, async () => {
        using world = await wholeWorld();
        const worker = world.worker();
        const runId = await runBefore(world, worker, "lock");
        await act(world);
        if (forgets) world.cluster.storage.forgetChanges();
        const { run } = await goOn(world, worker, runId, "lock");
        assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify([run.state, run.waiting]));
        assert.match(run.failure.message, reason);
        assert.match(run.failure.next, command);
        assert.ok(["catch-up", "catch-up-last"].includes(run.stage ?? ""), run.stage);
      });

  /** Has a v1 object of that name created once the last look at the old group is over, and before the native one is looked at. */
  function createdBetweenTheLooks({ cluster }: World, v1: JsonObject): () => boolean {
    const get = cluster.get.bind(cluster);
    let isDone = false;
    cluster.get = async (ref, ...more) => {
      if (!isDone && ref.plural === "networkpolicies" && ref.name === "late" && ref.apiVersion !== V1) {
        isDone = true;
        await cluster.create({ ...POLICIES, apiVersion: V1 }, v1);
      }
      return get(ref, ...more);
    };
    return () => isDone;
  }

  test("a policy that is created together with a v1 object that means something else, in the last look, stops the run before the unlock", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "catch-up-last");
    await world.cluster.storage.create(POLICIES, allowAll("late"));
    const v1 = policy("late", { ...objectAt(allowAll("late"), "spec"), order: 5 });
    const isDone = createdBetweenTheLooks(world, v1);

    const { run } = await goOn(world, worker, runId, "catch-up-last");

    assert.ok(isDone());
    assert.deepEqual([run.stage, run.failure?.code], ["catch-up-last", "VERIFY_FAILED"]);
    const reason = /shop\/late \(the v1 object of its name came after everything was copied/;
    assert.match(run.failure?.message ?? "", reason);
    await deleteAsAdvised(world.cluster, run.failure?.next ?? "");
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
    assert.equal(objectAt(await world.cluster.get({ ...POLICIES, name: "late" }), "spec")["order"], 5);
  });

  test("and in the old group while the run is held before the unlock is found, or applied", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "unlock");
    world.clock.advance(60_000);
    const via = "crd.projectcalico.org/v1";
    await writeAsUser(world.cluster, { name: "owned", act: "put", via, order: 77 });
    await world.cluster.storage.create(POLICIES, allowAll("late"));
    const { run } = await goOn(world, worker, runId, "unlock");
    assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify([run.state, run.waiting]));
    assert.match(run.failure.message, /shop\/late/);
    const lock = world.cluster.dump()[`${NATIVE}/clusterinformations/default`] ?? "";
    assert.match(lock, /"datastoreReady":false/);

    await deleteAsAdvised(world.cluster, run.failure.next);
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
    assert.equal(objectAt(await world.cluster.get({ ...POLICIES, name: "owned" }), "spec")["order"], 77);
  });

  test("is found also where everything is copied inside the lock", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    for (const crd of nativeCrds())
      if (objectAt(crd, "spec", "names")["kind"] !== "Tier") await world.cluster.create(crdResource, crd);
    await world.cluster.storage.create(POLICIES, allowAll("attacker"));
    const worker = world.worker();
    const { run } = await world.drive(worker, await startWhole(worker));
    assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify([run.state, run.stage, run.waiting]));
    assert.match(run.failure.message, /shop\/attacker/);
    assert.equal(run.stage, "verify-changes");
  });
});

/** Lets others work on the native group after the unlock; gives what the run then waits for. */
async function afterUnlock(
  world: World,
  act: (world: World) => Promise<unknown>,
): Promise<{ message: string; approve: () => Promise<void> }> {
  const worker = world.worker();
  const runId = await runBefore(world, worker, "verify-all");
  await act(world);
  const { run } = await goOn(world, worker, runId, "verify-all");
  assert.equal(run.failure, undefined);
  const { subject = "", message = "" } = run.waiting ?? {};
  return {
    message: `${subject}: ${message}`,
    approve: async () => {
      await worker.engine.approve(runId, "ann", subject);
      assertState(await world.drive(worker, runId), "Succeeded");
    },
  };
}

describe("what others do to native objects after the unlock", () => {
  const acts: [string, (world: World) => Promise<unknown>, RegExp][] = [
    [
      "a copied policy that is deleted",
      ({ cluster }) => cluster.delete({ ...POLICIES, name: "owned" }),
      /networkpolicies\/shop\/owned \(deleted\)/,
    ],
    [
      "a copied policy that is made to allow everything",
      ({ cluster }) =>
        cluster.patch(
          { ...POLICIES, name: "owned" },
          { spec: { ingress: [{ action: "Allow" }] } },
          { type: "merge", fieldManager: "kubectl-edit" },
        ),
      /networkpolicies\/shop\/owned \(changed by kubectl-edit\)/,
    ],
    [
      "a policy that is created",
      ({ cluster }) => cluster.create(POLICIES, allowAll("late"), { fieldManager: "kubectl-create" }),
      /networkpolicies\/shop\/late \(created by kubectl-create\)/,
    ],
    [
      "a block that a person creates",
      ({ cluster }) => cluster.create(BLOCKS, block("10.9.0.0/26", "a"), { fieldManager: "kubectl" }),
      /ipamblocks\/10-9-0-0-26 \(created by kubectl\)/,
    ],
    [
      "a handle that is deleted while a block needs it",
      async ({ cluster }) => {
        await cluster.create(BLOCKS, block("10.9.0.0/26", "K8s-Pod.AB"), { fieldManager: "calico-node" });
        await cluster.delete({ ...HANDLES, name: "k8s-pod.ab" });
      },
      /: 1 native objects .*ipamhandles\/k8s-pod\.ab \(deleted\)$/,
    ],
  ];
  for (const [what, act, named] of acts)
    test(`${what} needs an approval by name`, async () => {
      using world = await wholeWorld();
      const { message, approve } = await afterUnlock(world, act);
      assert.match(message, /^native-changes: /);
      assert.match(message, named);
      await approve();
    });

  test("needs none where Calico gives addresses and takes them back, and where it is put right", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-all");
    const { cluster } = world;
    const block64 = { ...BLOCKS, name: "10-64-0-0-30" };
    await cluster.create(BLOCKS, block("10.9.0.0/26", "a"), { fieldManager: "calico-ipam" });
    await cluster.patch(
      block64,
      { spec: { attributes: [] } },
      { type: "merge", fieldManager: "calico-node" },
    );
    await cluster.delete({ ...HANDLES, name: "k8s-pod.ab" });
    const owned = await cluster.get({ ...POLICIES, name: "owned" });
    await cluster.delete({ ...POLICIES, name: "owned" });
    assert.equal((await goOn(world, worker, runId, "verify-all")).run.waiting?.subject, "native-changes");

    const { uid, resourceVersion, managedFields, ...metadata } = objectAt(owned, "metadata");
    await cluster.create(POLICIES, { ...owned, metadata });
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });
});

describe("what is written to the old group behind its lock", () => {
  test("is no difference where it is status alone, or the native object has got it as well", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-all");
    const { cluster } = world;
    const status = { status: { lastUpdated: "2026-01-02T03:04:05Z" } };
    await cluster.patch(NODE_STATUS, status, { type: "merge", subresource: "status" });
    const spec = { spec: { types: ["Egress"] } };
    for (const apiVersion of [V1, NATIVE])
      await cluster.patch({ ...POLICIES, apiVersion, name: "owned" }, spec, { type: "merge" });
    const { run } = await goOn(world, worker, runId, "verify-all");
    assert.equal(run.failure, undefined);
    assert.match(run.waiting?.message ?? "", /1 native objects .*shop\/owned/);
  });
});
