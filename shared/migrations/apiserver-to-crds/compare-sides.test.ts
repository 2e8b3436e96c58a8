import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { textAt } from "../../kubernetes/fields.ts";
import { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import type { Worker } from "../testing/run-world.ts";
import { compareGroups, type GroupDifference } from "./compare-sides.ts";
import { policy } from "./testing/source.ts";
import { assertState, goOn, rollBack, runBefore, startWhole, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const OLD = "crd.projectcalico.org/v1";
const SETS = { plural: "globalnetworksets", name: "office" };
const POLICIES = { apiVersion: OLD, plural: "networkpolicies", namespace: "shop" };

/** Reads alone: a write would reach the cluster, and fail the test that looks at it. */
async function compared(world: World, { embedded }: Worker, runId: string): Promise<GroupDifference[]> {
  const run = await embedded.store.getRun(runId);
  assert.ok(run);
  const connections = {
    kubernetes: world.cluster,
    limiter: new AdaptiveLimiter(),
    etcd: () => assert.fail("there is no etcd in it"),
  };
  return Array.fromAsync(compareGroups(embedded, connections, run));
}

async function stopped(world: World, stage: string): Promise<{ worker: Worker; runId: string }> {
  const worker = world.worker();
  return { worker, runId: await runBefore(world, worker, stage) };
}

describe("comparing both groups", () => {
  for (const stage of ["lock", "unlock", "cleanup"]) {
    test(`finds nothing right before ${stage}, and writes nothing`, async () => {
      using world = await wholeWorld();
      const { worker, runId } = await stopped(world, stage);
      const before = world.cluster.dump();
      assert.deepEqual(await compared(world, worker, runId), []);
      assert.deepEqual(world.cluster.dump(), before);
    });
  }

  test("names where a native object differs, also while an aggregated API server shows the old group", async () => {
    using world = await wholeWorld();
    const { worker, runId } = await stopped(world, "lock");
    const native = { ...SETS, apiVersion: "projectcalico.org/v3precopy" };
    await world.cluster.patch(native, { spec: { nets: ["192.0.2.0/24"] } }, { type: "merge" });
    const [found, ...others] = await compared(world, worker, runId);
    assert.equal(found?.target, "projectcalico.org/v3/globalnetworksets/office");
    assert.equal(found.kind, "GlobalNetworkSet");
    assert.match(found.reason, /^spec\.nets.*: old group .*, native .*192\.0\.2\.0\/24/);
    assert.deepEqual(others, []);
    await world.cluster.patch(native, { spec: { nets: null } }, { type: "merge" });
    assert.deepEqual(await compared(world, worker, runId), []);
  });

  test("names what is missing on either side, and what nothing has copied", async () => {
    using world = await wholeWorld();
    const { worker, runId } = await stopped(world, "lock");
    await world.cluster.delete({ ...SETS, apiVersion: "projectcalico.org/v3precopy" });
    await world.cluster.create(POLICIES, policy("late", { selector: "all()", types: ["Ingress"] }));
    const [gone] = (await world.cluster.list({ apiVersion: OLD, plural: "bgppeers" })).items;
    const name = textAt(gone ?? {}, "metadata", "name");
    await world.cluster.delete({ apiVersion: OLD, plural: "bgppeers", name });
    const found = await compared(world, worker, runId);
    assert.deepEqual(Object.fromEntries(found.map(({ kind, reason }) => [kind, reason])), {
      BGPPeer: "it is gone from the old group",
      GlobalNetworkSet: "it is missing in projectcalico.org/v3",
      NetworkPolicy: "it is not copied",
    });
    assert.equal(found.find(({ kind }) => kind === "NetworkPolicy")?.namespace, "shop");
  });

  test("names what is being deleted on either side, whatever it still means", async () => {
    using world = await wholeWorld();
    const { worker, runId } = await stopped(world, "lock");
    const hold = { metadata: { finalizers: ["example.com/hold"] } };
    const [peer] = (await world.cluster.list({ apiVersion: OLD, plural: "bgppeers" })).items;
    await world.cluster.create(POLICIES, policy("late", { selector: "all()", types: ["Ingress"] }));
    for (const ref of [
      { ...SETS, apiVersion: "projectcalico.org/v3precopy" },
      { apiVersion: OLD, plural: "bgppeers", name: textAt(peer ?? {}, "metadata", "name") },
      { ...POLICIES, name: "late" },
    ]) {
      await world.cluster.patch(ref, hold, { type: "merge" });
      await world.cluster.delete(ref);
    }
    const found = await compared(world, worker, runId);
    assert.deepEqual(Object.fromEntries(found.map(({ kind, reason }) => [kind, reason])), {
      BGPPeer: "in the old group it is being deleted, and held by example.com/hold",
      GlobalNetworkSet: "it is being deleted, and held by example.com/hold",
      NetworkPolicy: "it is being deleted, and held by example.com/hold, and not copied",
    });
  });

  test("names a native object that nothing in the old group becomes", async () => {
    using world = await wholeWorld();
    const { worker, runId } = await stopped(world, "lock");
    const ref = { apiVersion: "projectcalico.org/v3precopy", plural: "globalnetworkpolicies" };
    const spec = { types: ["Ingress"], ingress: [{ action: "Allow" }] };
    await world.cluster.create(ref, {
      apiVersion: ref.apiVersion,
      kind: "GlobalNetworkPolicy",
      metadata: { name: "open" },
      spec,
    });
    assert.deepEqual(await compared(world, worker, runId), [
      {
        kind: "GlobalNetworkPolicy",
        target: "projectcalico.org/v3/globalnetworkpolicies/open",
        reason:
          "it is a native object that nothing in the old group becomes: delete it, or create it in the old group too (`kubectl delete globalnetworkpolicies.v3precopy.projectcalico.org open`)",
      },
    ]);
  });

  test("is refused once the old group is deleted", async () => {
    using world = await wholeWorld();
    const { worker, runId } = await stopped(world, "cleanup");
    assertState(await goOn(world, worker, runId, "cleanup"), "Succeeded");
    await assert.rejects(compared(world, worker, runId), {
      code: "OLD_GROUP_DELETED",
      next: /its report, and `calico-migrator describe RUN`/,
    });
    const names = (await worker.embedded.artifacts.list(`runs/${runId}/`)).map(({ name }) => name);
    assert.ok(names.includes(`runs/${runId}/report.json`));
    const { stages } = await worker.engine.describe(runId);
    assert.ok((stages.find(({ stage }) => stage === "verify-all")?.counts["verified"] ?? 0) > 0);
  });

  test("is refused for a run that has copied nothing, until it has gone on", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await startWhole(worker, { stopBefore: "lock" });
    await assert.rejects(compared(world, worker, runId), {
      code: "NOTHING_COPIED",
      next: /Let it go on with `calico-migrator resume`, then compare/,
    });
    await worker.engine.resume(runId);
    await world.drive(worker, runId);
    assert.deepEqual(await compared(world, worker, runId), []);
    await rollBack(world, worker, runId);
    const next = "Nothing of it is there to compare: do that while a run goes on, or after it has succeeded.";
    await assert.rejects(compared(world, worker, runId), { code: "NOTHING_COPIED", next });
  });

  test("is refused while native objects are hidden, until the run has gone on", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await startWhole(worker, { stopBefore: "lock", approvals: ["unlock"] });
    await world.drive(worker, runId);
    const plural = "customresourcedefinitions";
    const ref = {
      apiVersion: "apiextensions.k8s.io/v1",
      plural,
      name: "clusterinformations.projectcalico.org",
    };
    const crd = await world.cluster.get(ref);
    const { versions } = crd["spec"] as { versions: { name: string }[] };
    const kept = versions.filter((version) => version.name === "v3");
    await world.cluster.patch(ref, { spec: { versions: kept } }, { type: "merge" });
    await assert.rejects(compared(world, worker, runId), {
      code: "NATIVE_NOT_SERVED",
      next: /Let the run go on with `calico-migrator resume`, then compare/,
    });
    await worker.engine.resume(runId);
    await worker.engine.approve(runId, "test", "lock");
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "cleanup");
    assert.deepEqual(await compared(world, worker, runId), []);
  });
});
