import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../json.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { driveApproving } from "../../backup/testing/world.ts";
import { changed } from "../../testing/dumps.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { Context } from "../context.ts";
import { NAMESPACE, OWNER } from "../testing/cluster.ts";
import { outerStages } from "../testing/stages.ts";
import { runTo, startRun, World } from "../testing/world.ts";
import { cleanup } from "./cleanup.ts";

const OLD_PATHS = /crd\.projectcalico\.org/;
const API_SERVICE = "apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org";
const NATIVE_OWNER = { ...OWNER, apiVersion: "projectcalico.org/v3" };

function ownedBy(owner: JsonObject): JsonObject {
  const { name } = OWNER;
  const reference = { apiVersion: NATIVE_OWNER.apiVersion, kind: "GlobalNetworkSet", name };
  const ownerReferences = [{ ...reference, uid: textAt(owner, "metadata", "uid") }];
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "owned", namespace: "shop", ownerReferences },
  };
}

suite("deleting the old CRDs", () => {
  test("is refused while a workload does not run with the native group; once it does, a resume goes on", async () => {
    using world = await World.create(outerStages());
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "cleanup", approvals: ["unlock"] });
    const ref = { apiVersion: "apps/v1", plural: "deployments", namespace: NAMESPACE, name: "calico-typha" };
    const template = { spec: { containers: [{ name: "calico-typha" }] } };
    const { spec: before } = await world.cluster.get(ref);
    await world.cluster.patch(ref, { spec: { template } }, { type: "merge" });
    await worker.engine.approve(runId, "test", "cleanup");
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "CLEANUP_REFUSED");
    assert.match(run.failure.message, /deployments\/calico-typha/);
    assert.equal(run.failure.next, "Mend that, then `resume`.");
    assert.match(JSON.stringify(world.cluster.dump()), OLD_PATHS);
    await world.cluster.patch(ref, { spec: before ?? {} }, { type: "merge" });
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });

  test("is refused before the first, by all names, where a policy forbids some of it, and the run can go back", async () => {
    using world = await World.create(outerStages());
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "cleanup", approvals: ["unlock"] });
    const before = (await world.cluster.list(crdResource)).items.length;
    world.cluster.hooks.dryRun = (write, object) => {
      if (!/^delete .*\/(ippools|tiers)\.crd\./.test(write)) return object;
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", `${write} is frozen`, {
        next: "",
        status: 403,
      });
    };
    await worker.engine.approve(runId, "test", "cleanup");
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "CLEANUP_REFUSED");
    for (const name of ["ippools", "tiers"]) assert.match(run.failure.message, new RegExp(`${name}\\.crd`));
    assert.equal((await world.cluster.list(crdResource)).items.length, before);
    await worker.engine.undo(runId, "rollback");
    assert.equal((await world.drive(worker, runId)).run.state, "RolledBack");
  });

  test("is refused before everything was compared", async () => {
    using world = await World.create(outerStages().filter(({ name }) => name !== "verify-all"));
    const worker = world.worker();
    const { run } = await world.drive(worker, await startRun(worker));
    assert.equal(run.failure?.code, "CLEANUP_REFUSED");
    assert.match(run.failure.message, /compared/);
  });

  test("needs a person's consent where it deletes what nothing converts", async () => {
    using world = await World.create(outerStages());
    const name = "oddities.crd.projectcalico.org";
    const spec = {
      group: "crd.projectcalico.org",
      names: { plural: "oddities" },
      versions: [{ name: "v1", served: true, storage: true }],
    };
    await world.cluster.create(crdResource, { kind: "CustomResourceDefinition", metadata: { name }, spec });
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.waiting?.subject, "unconverted");
    assert.match(run.waiting.message, /oddities/);
    await worker.engine.approve(runId, "test", "unconverted");
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
    assert.doesNotMatch(JSON.stringify(world.cluster.dump()), OLD_PATHS);
  });

  test("waits for an approval of its own, and cannot be undone", async () => {
    using world = await World.create(outerStages());
    const worker = world.worker();
    const runId = await startRun(worker, { approvals: ["unlock"] });
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "cleanup");
    await worker.engine.approve(runId, "test", "cleanup");
    await world.drive(worker, runId);
    const before = [world.cluster.dump(), await worker.engine.describe(runId)];
    for (const kind of ["rollback", "abort"] as const)
      await assert.rejects(worker.engine.undo(runId, kind), {
        code: "UNDO_TOO_LATE",
        message: /CRDs .* deleted/,
      });
    assert.deepEqual([world.cluster.dump(), await worker.engine.describe(runId)], before);
    // It stays what it is, and keeps no other run from its cluster.
    const { run } = await world.drive(worker, runId);
    assert.deepEqual([run.state, run.holdsCluster], ["Succeeded", false]);
  });
});

suite("old CRDs that do not go away", () => {
  test("are told with the objects whose finalizers hold them, and a resume waits for them anew", async () => {
    using world = await World.create(outerStages());
    const held = { ...crdResource, name: "networksets.crd.projectcalico.org" };
    const cleanupOfObjects = ["customresourcecleanup.apiextensions.k8s.io"];
    await world.cluster.patch(held, { metadata: { finalizers: cleanupOfObjects } }, { type: "merge" });
    const ref = { apiVersion: "crd.projectcalico.org/v1", plural: "networksets", namespace: "shop" };
    const metadata = { namespace: "shop", name: "kept", finalizers: ["example.org/audit"] };
    const worker = world.worker();
    // Somebody is quicker than the deletion, which then waits for their object.
    world.meanwhile.before.push(async (write) => {
      if (write.endsWith(`/${held.name}`)) await world.cluster.create(ref, { kind: "NetworkSet", metadata });
    });
    const runId = await startRun(worker);
    await world.drive(worker, runId, ({ waiting }) => waiting?.message.includes("being deleted") === true);
    world.clock.advance(901_000);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "CLEANUP_STUCK");
    assert.match(
      run.failure.message,
      /networksets\.crd\.projectcalico\.org \(held are shop\/kept by example\.org\/audit\)/,
    );

    await worker.engine.resume(runId);
    const resumed = await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    assert.match(resumed.run.waiting?.message ?? "", /still being deleted/);
    const release = { metadata: { finalizers: [] } };
    await world.cluster.storage.patch({ ...ref, name: "kept" }, release, { type: "merge" });
    await world.cluster.patch(held, release, { type: "merge" });
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });
});

const TIER_LABEL = {
  apiVersion: "admissionregistration.k8s.io/v1",
  plural: "mutatingadmissionpolicies",
  name: "tierlabel",
};

suite("the backup of a run", () => {
  test("gives back the old group that was deleted, and what stands beside it, on a newer Kubernetes too", async () => {
    using world = await World.create(outerStages());
    world.cluster.mutating = "v1beta1";
    await world.cluster.storage.create(TIER_LABEL, {
      ...{ apiVersion: TIER_LABEL.apiVersion, kind: "MutatingAdmissionPolicy" },
      metadata: { name: TIER_LABEL.name },
      spec: { matchConstraints: { resourceRules: [{ apiGroups: ["projectcalico.org"] }] } },
    });
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runTo(world, worker);
    world.cluster.mutating = "v1";
    await world.cluster.delete(TIER_LABEL);
    // Workloads come back where their accounts are; `remove-api-server` leaves those of the API server.
    for (const { name, namespace } of [
      { name: "calico-apiserver", namespace: "calico-apiserver" },
      ...["calico-node", "calico-typha", "calico-kube-controllers"].map((one) => ({
        name: one,
        namespace: "kube-system",
      })),
    ])
      await world.cluster.create(
        { apiVersion: "v1", plural: "serviceaccounts", namespace },
        { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } },
      );
    const services = { apiVersion: "v1", plural: "services", namespace: "calico-apiserver" };
    await world.cluster.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "calico-api", namespace: "calico-apiserver" },
    });
    const owned = { apiVersion: "v1", plural: "configmaps", namespace: "shop", name: "owned" };
    await world.cluster.create(owned, ownedBy(await world.cluster.get({ ...NATIVE_OWNER })));
    const switched = world.cluster.dump();
    const [refuse] = cleanup.undo ?? [];
    assert.ok(refuse?.kind === "action");
    const parts = { run: { runId }, notesOf: () => Promise.resolve({ deletingAt: 1 }) };
    await assert.rejects(refuse.act(parts as unknown as Context), {
      code: "OLD_GROUP_DELETED",
      next: new RegExp(`\`calico-migrator restore ${runId} --side kubernetes\``),
    });
    const request = { from: runId, side: "kubernetes" };
    const restoring = await worker.engine.start({
      migration: "restore",
      cluster: "test",
      options: request,
      approvals: [],
    });
    const { run } = await driveApproving(world, worker, restoring.runId);
    assert.equal(run.state, "Succeeded", JSON.stringify([run.failure, run.waiting]));
    const after = world.cluster.dump();
    const lost = Object.keys(before).filter((path) => after[path] === undefined);
    assert.deepEqual(lost, []);
    assert.equal(
      after["crd.projectcalico.org/v1/globalnetworksets/office"],
      before["crd.projectcalico.org/v1/globalnetworksets/office"],
    );
    assert.equal(after[API_SERVICE], before[API_SERVICE]);
    // What belongs to a Calico object names it as the aggregated API server shows it now.
    const shown = await world.cluster.get(NATIVE_OWNER);
    const [reference] = objectsAt(await world.cluster.get(owned), "metadata", "ownerReferences");
    assert.equal(reference?.["uid"], textAt(shown, "metadata", "uid"));

    const aggregated = world.cluster.dump();
    await worker.engine.undo(restoring.runId, "rollback");
    const undone = await world.drive(worker, restoring.runId);
    assert.equal(undone.run.state, "RolledBack", JSON.stringify([undone.run.failure, undone.run.waiting]));
    assert.deepEqual(changed(switched, world.cluster.dump()), []);
    assert.notDeepEqual(changed(aggregated, switched), []);
  });
});
