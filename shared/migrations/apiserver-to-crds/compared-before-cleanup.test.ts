import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { assertState, goOn, runBefore, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";
import { writeAsUser } from "./testing/writers.ts";

const V1 = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const OWNED = {
  apiVersion: NATIVE,
  plural: "networkpolicies",
  namespace: "shop",
  name: "owned",
};

function definitionOf({ cluster }: World, plural: string): boolean {
  const path = `apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.crd.projectcalico.org`;
  return cluster.dump()[path] !== undefined;
}

function oldDefinitions({ cluster }: World): number {
  return Object.keys(cluster.dump()).filter((path) => path.endsWith(".crd.projectcalico.org")).length;
}

describe("while the last verification waits for a person", () => {
  test("what is written to the old group is found before the cleanup is asked for", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-all");
    await world.cluster.delete(OWNED);
    const waiting = (await goOn(world, worker, runId, "verify-all")).run.waiting;
    assert.equal(waiting?.subject, "native-changes");
    await writeAsUser(world.cluster, { name: "new", act: "put", via: V1, order: 7 });
    await worker.engine.approve(runId, "ann", "native-changes", waiting.fingerprint);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify([run.stage, run.waiting]));
    assert.match(run.failure.message, /shop\/new/);
  });

  test("what others do to native objects meanwhile is asked for as well", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-all");
    const owned = await world.cluster.get(OWNED);
    await world.cluster.delete(OWNED);
    const first = (await goOn(world, worker, runId, "verify-all")).run.waiting;
    const { uid, resourceVersion, managedFields, ...metadata } = objectAt(owned, "metadata");
    const { name: _, ...collection } = OWNED;
    const options = { fieldManager: "kubectl-create" };
    await world.cluster.create(collection, { ...owned, metadata: { ...metadata, name: "late" } }, options);
    await worker.engine.approve(runId, "ann", "native-changes", first?.fingerprint);
    const again = (await world.drive(worker, runId)).run.waiting;
    assert.equal(again?.subject, "native-changes");
    assert.match(again.message, /2 native objects .*shop\/late \(created/);
    await worker.engine.approve(runId, "ann", "native-changes", again.fingerprint);
    assertState(await world.drive(worker, runId), "Succeeded");
  });
});

describe("between the last verification and the cleanup", () => {
  for (const [act, name, reason] of [
    ["put", "new", "came after everything was copied"],
    ["put", "owned", "has changed since it was copied"],
    ["delete", "owned", "was deleted since it was copied"],
  ] as const)
    test(`a v1 policy of which somebody makes a ${act} (${name}) keeps the old group, by name`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const runId = await runBefore(world, worker, "cleanup");
      const definitions = oldDefinitions(world);
      await writeAsUser(world.cluster, { name, act, via: V1, order: 7 });
      const { run } = await goOn(world, worker, runId, "cleanup");
      assert.equal(run.failure?.code, "CLEANUP_REFUSED", JSON.stringify(run.waiting));
      assert.match(run.failure.message, new RegExp(`shop/${name} \\(.*${reason}`));
      assert.equal(oldDefinitions(world), definitions);

      // What the advice says.
      if (act === "delete") await world.cluster.delete(OWNED);
      else await writeAsUser(world.cluster, { name, act: "delete", via: V1, order: 7 });
      if (name === "owned" && act === "put") await world.cluster.delete(OWNED);
      await worker.engine.resume(runId);
      assertState(await world.drive(worker, runId), "Succeeded");
    });

  test("a native policy that is deleted has to be approved by name", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    const definitions = oldDefinitions(world);
    await world.cluster.delete(OWNED);
    const { run } = await goOn(world, worker, runId, "cleanup");
    assert.equal(run.waiting?.subject, "native-changes", JSON.stringify(run.failure));
    assert.match(run.waiting.message, /networkpolicies\/shop\/owned \(deleted\)/);
    assert.equal(oldDefinitions(world), definitions);
    await worker.engine.approve(runId, "ann", "native-changes");
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("what the last verification has shown is not asked again, of a kind that lacks one and has another changed", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    await writeAsUser(world.cluster, { name: "other", act: "put", via: V1, order: 3 });
    const runId = await runBefore(world, worker, "verify-all");
    await world.cluster.delete(OWNED);
    await world.cluster.patch({ ...OWNED, name: "other" }, { spec: { order: 9 } }, { type: "merge" });
    const { waiting } = (await goOn(world, worker, runId, "verify-all")).run;
    assert.equal(waiting?.count, 2, waiting?.message);
    await worker.engine.approve(runId, "ann", "native-changes", waiting.fingerprint);
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("what was approved is not asked again when the CRDs of some of it are gone", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    const definitions = oldDefinitions(world);
    await world.cluster.delete(OWNED);
    const sets = { apiVersion: NATIVE, plural: "globalnetworksets" };
    await world.cluster.create(sets, { kind: "GlobalNetworkSet", metadata: { name: "late" }, spec: {} });
    const { waiting } = (await goOn(world, worker, runId, "cleanup")).run;
    assert.equal(waiting?.count, 2);
    const denied: string[] = [];
    world.meanwhile.before.push(async (write) => {
      if (denied.length > 0 || !/^delete .*\/globalnetworksets\.crd\.projectcalico\.org$/.test(write)) return;
      while (definitionOf(world, "networkpolicies")) await setImmediate();
      denied.push(write);
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", "not now", { next: "", status: 403 });
    });
    await worker.engine.approve(runId, "ann", "native-changes", waiting.fingerprint);
    assertState(await world.drive(worker, runId), "Failed");
    const left = oldDefinitions(world);
    assert.ok(denied.length === 1 && left > 0 && left < definitions, `${left} of ${definitions}`);
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("what came after the approval is asked for alone", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await world.cluster.delete(OWNED);
    const { waiting } = (await goOn(world, worker, runId, "cleanup")).run;
    let isLate = false;
    const sets = { apiVersion: NATIVE, plural: "globalnetworksets" };
    world.meanwhile.lists.push(async (list) => {
      // The last kind in the order of the definitions: those before were compared by then.
      if (isLate || !list.endsWith(`${V1}/tiers`)) return;
      isLate = true;
      await world.cluster.create(sets, { kind: "GlobalNetworkSet", metadata: { name: "late" }, spec: {} });
    });
    await worker.engine.approve(runId, "ann", "native-changes", waiting?.fingerprint);
    const again = (await world.drive(worker, runId)).run.waiting;
    assert.equal(again?.subject, "native-changes");
    assert.match(again.message, /^1 native objects .*globalnetworksets\/late/);
    await worker.engine.approve(runId, "ann", "native-changes", again.fingerprint);
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("what is written while everything is compared is found right before its CRD is deleted", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    let done = false;
    world.meanwhile.lists.push(async (list) => {
      if (done || !list.endsWith("/hostendpoints")) return;
      done = true;
      await writeAsUser(world.cluster, { name: "new", act: "put", via: V1, order: 7 });
    });
    const { run } = await goOn(world, worker, runId, "cleanup");
    assert.ok(done);
    assert.equal(run.failure?.code, "CLEANUP_REFUSED", JSON.stringify([run.state, run.waiting]));
    assert.match(run.failure.message, /shop\/new/);
    assert.ok(
      world.cluster.dump()[
        "apiextensions.k8s.io/v1/customresourcedefinitions/networkpolicies.crd.projectcalico.org"
      ],
    );
  });
});
