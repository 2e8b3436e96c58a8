import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lockedClusterInformation, unlockedClusterInformation } from "../../calico/lock.ts";
import { resourceKey } from "../../calico/testing/samples.ts";
import type { JsonObject } from "../../json.ts";
import { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import { forceUnlock } from "../break-glass/locks.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, rollBack, runUpTo } from "./testing/steps.ts";
import { startRun, type Worker, World } from "./testing/world.ts";

const CRDS = { apiVersion: "apiextensions.k8s.io/v1", plural: "customresourcedefinitions" };
const POOL = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools", name: "v6" };
const LATE = {
  apiVersion: POOL.apiVersion,
  plural: "networkpolicies",
  namespace: "shop",
  name: "late",
};
const DEPLOYMENTS = { apiVersion: "apps/v1", plural: "deployments", namespace: "kube-system" };

/** A run that has failed with this code, and says this. */
async function assertFailed(
  world: World,
  worker: Worker,
  runId: string,
  code: string,
  next: RegExp,
): Promise<void> {
  const { run } = await world.describe(worker, runId);
  assert.equal(run.failure?.code, code, JSON.stringify([run.stage, run.failure, run.waiting]));
  assert.match(run.failure.next, next);
}

function informationOf({ etcd }: World): string {
  return etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "";
}

/** A run that preflight refuses, and why. */
async function assertRefused(world: World, worker: Worker, next: RegExp): Promise<void> {
  const runId = await startRun(worker);
  await world.drive(worker, runId);
  await assertFailed(world, worker, runId, "PREFLIGHT_FAILED", next);
}

/** Deletes what runs have written, as a person does who has looked for their field manager. */
async function deleteManaged({ kubernetes }: World): Promise<void> {
  for (const path of kubernetes.managedByRuns()) {
    const [group = "", version = "", plural = "", ...rest] = path.split("/");
    const [name = "", namespace] = rest.toReversed();
    const ref = { apiVersion: `${group}/${version}`, plural, name };
    await kubernetes.delete(namespace === undefined ? ref : { ...ref, namespace });
  }
}

async function startAgain(world: World, worker: Worker, options: JsonObject = {}): Promise<void> {
  const runId = await startRun(worker, { approvals: ["unlock", "switch"], options });
  assertState(await world.drive(worker, runId), "Succeeded");
}

describe("what a failed run says to do gets it further", () => {
  test("an etcd without ClusterInformation: it is there again, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    const information = informationOf(world);
    world.etcd.delete(CLUSTER_INFORMATION_KEY);
    await approve(world, worker, runId, "lock");
    await assertFailed(world, worker, runId, "SOURCE_NOT_CALICO", /calico-node runs .* then `resume`/);
    world.etcd.put(CLUSTER_INFORMATION_KEY, information);
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("a ClusterInformation of etcd that is broken at the lock: it is repaired, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    const information = informationOf(world);
    world.etcd.put(CLUSTER_INFORMATION_KEY, "{");
    await approve(world, worker, runId, "lock");
    await assertFailed(
      world,
      worker,
      runId,
      "CLUSTER_INFORMATION_INVALID",
      /Repair .* goes on with `resume`/,
    );
    world.etcd.put(CLUSTER_INFORMATION_KEY, information);
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("an etcd that another run has locked: that one is finished, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    const information = informationOf(world);
    world.etcd.put(CLUSTER_INFORMATION_KEY, lockedClusterInformation(information, "another-run"));
    await approve(world, worker, runId, "lock");
    await assertFailed(world, worker, runId, "SOURCE_LOCKED_BY_OTHER", /Finish or undo that run first/);
    world.etcd.put(CLUSTER_INFORMATION_KEY, information);
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("a target that another run has locked: that one is finished, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    const ref = { apiVersion: POOL.apiVersion, plural: "clusterinformations", name: "default" };
    const found = await world.kubernetes.get(ref);
    const { spec, metadata } = lockedClusterInformation(found, "another-run");
    await world.kubernetes.patch(ref, { spec, metadata }, { type: "merge" });
    await approve(world, worker, runId, "lock");
    await assertFailed(
      world,
      worker,
      runId,
      "TARGET_LOCKED_BY_OTHER",
      /Finish or undo that run first .*, then `resume`/,
    );
    const { spec: free } = unlockedClusterInformation(await world.kubernetes.get(ref));
    const annotations = Object.fromEntries(
      Object.keys((metadata as JsonObject)["annotations"] as JsonObject).map((name) => [name, null]),
    );
    await world.kubernetes.patch(
      ref,
      { spec: free, metadata: { annotations } },
      {
        type: "merge",
      },
    );
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("an etcd that somebody has unlocked: rollback, then start again", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "unlock", { approvals: ["switch"] });
    world.etcd.put(CLUSTER_INFORMATION_KEY, unlockedClusterInformation(informationOf(world)));
    await approve(world, worker, runId, "unlock");
    await assertFailed(
      world,
      worker,
      runId,
      "SOURCE_LOCK_LOST",
      /Undo the run with `rollback`.* start again/,
    );
    await rollBack(world, worker, runId);
    await startAgain(world, worker);
  });

  test("a run that was given up inside the lock (UNDO_ENDED): unlock, delete what has its manager, start", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "rollout", { approvals: ["switch"] });
    const [lock, resources] = await worker.engine.abandon(runId, "test");
    assert.match(lock?.title ?? "", /^locked since .*: etcd and the Kubernetes datastore$/);
    assert.match(
      resources?.title ?? "",
      new RegExp(`\\d+ (verified|applied).* calico-migrator:${runId} as far`),
    );
    assertState(await world.drive(worker, runId), "Abandoned");
    const next = new RegExp(`unlock --force --side SIDE.*calico-migrator:${runId} before you start again`);
    await assert.rejects(worker.engine.undo(runId, "rollback"), { code: "UNDO_ENDED", next });
    await assert.rejects(worker.engine.resume(runId), { code: "RUN_ENDED", next });

    await assertRefused(world, worker, /given up .*, with `calico-migrator unlock --force --side etcd`/);
    const connections = {
      kubernetes: world.kubernetes,
      limiter: new AdaptiveLimiter(),
      etcd: () => world.etcd,
    };
    await forceUnlock(connections, "etcd", true);
    await assertRefused(
      world,
      worker,
      /given up, delete all that has its field manager `calico-migrator:RUN`/,
    );
    await deleteManaged(world);
    await startAgain(world, worker);
  });

  test("a target with the CRDs of both groups: start again with --target-group", async () => {
    using world = await World.create();
    await world.kubernetes.create(CRDS, {
      apiVersion: CRDS.apiVersion,
      kind: "CustomResourceDefinition",
      metadata: { name: "ippools.projectcalico.org" },
      spec: { group: "projectcalico.org", versions: [] },
    });
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);
    await assertFailed(world, worker, runId, "PREFLIGHT_FAILED", /Start again .*--target-group v1/);
    assert.match((await world.describe(worker, runId)).run.failure?.message ?? "", /TARGET_GROUP_AMBIGUOUS/);
    await startAgain(world, worker, { targetGroup: "crd.projectcalico.org/v1" });
  });

  test("a late way back from an etcd that somebody has unlocked: the run is given up", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await startRun(worker);
    assertState(await world.drive(worker, runId), "Succeeded");
    world.etcd.put(CLUSTER_INFORMATION_KEY, unlockedClusterInformation(informationOf(world)));
    await worker.engine.undo(runId, "rollback");
    await world.drive(worker, runId);
    await assertFailed(world, worker, runId, "SOURCE_UNLOCKED", /give the run up with `abandon`/);
    await worker.engine.abandon(runId, "test");
    assertState(await world.drive(worker, runId), "Abandoned");
  });

  test("a ClusterInformation that cannot be carried: it is mended in etcd, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "prepare-target", { approvals: ["unlock", "switch"] });
    const information = informationOf(world);
    world.etcd.put(CLUSTER_INFORMATION_KEY, "{");
    await approve(world, worker, runId, "prepare-target");
    await assertFailed(world, worker, runId, "SOURCE_NOT_CALICO", /Mend it in etcd, then `resume`/);
    world.etcd.put(CLUSTER_INFORMATION_KEY, information);
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("a copy that somebody has changed: it is mended, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "verify-copy", { approvals: ["unlock", "switch"] });
    const before = await world.kubernetes.get(POOL);
    await world.kubernetes.patch(POOL, { spec: { natOutgoing: "changed" } }, { type: "merge" });
    await approve(world, worker, runId, "verify-copy");
    await assertFailed(world, worker, runId, "VERIFY_FAILED", /mend the target and `resume`/);
    const spec = { natOutgoing: null, ...(before["spec"] as JsonObject) };
    await world.kubernetes.patch(POOL, { spec }, { type: "merge" });
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("an etcd that is written on the late way back: etcd's is kept, with a person's word", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await startRun(worker);
    assertState(await world.drive(worker, runId), "Succeeded");
    await world.kubernetes.patch(POOL, { spec: { natOutgoing: true } }, { type: "merge" });
    let written = "";
    world.etcd.hooks.before = (write) => {
      const [, key = ""] = /^put (.*\/ippools\/.*)$/.exec(write) ?? [];
      if (key === "" || written !== "") return;
      written = key;
      world.etcd.put(key, '{"written":1}');
    };
    await worker.engine.undo(runId, "rollback");
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "not-carried-back");
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    assert.equal(world.etcd.dump()[written], '{"written":1}');
  });

  test("an etcd that somebody locks again on the way back: that is stopped, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const before = informationOf(world);
    const runId = await runUpTo(world, worker, "switch", { approvals: [] });
    const locked = informationOf(world);
    world.etcd.hooks.after = (write) => {
      if (write.endsWith(CLUSTER_INFORMATION_KEY)) world.etcd.put(CLUSTER_INFORMATION_KEY, locked);
    };
    await worker.engine.undo(runId, "rollback");
    await world.drive(worker, runId);
    await assertFailed(world, worker, runId, "UNDO_INCOMPLETE", /See who puts .* stop that, then `resume`/);
    world.etcd.hooks.after = undefined;
    assertState(await resume(world, worker, runId), "RolledBack");
    assert.equal(informationOf(world), before);
  });

  test("what changed since the copy and is changed in the target: it is mended, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    world.etcd.put(policyKey("shop/late"), policyValue("shop/late", { order: 7 }));
    const order = async (value: number) =>
      world.kubernetes.patch(LATE, { spec: { order: value } }, { type: "merge" });
    // Once it was looked at, and etcd is locked.
    world.etcd.hooks.after = (write) => {
      if (!write.endsWith(CLUSTER_INFORMATION_KEY)) return;
      world.etcd.hooks.after = undefined;
      void order(4711);
    };
    await approve(world, worker, runId, "lock");
    await assertFailed(world, worker, runId, "VERIFY_FAILED", /Mend the target and `resume`/);
    assert.equal((await world.describe(worker, runId)).run.stage, "verify-changes");
    await order(7);
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("a lock that somebody lifts at once: that is stopped, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    world.etcd.hooks.after = (write) => {
      if (!write.endsWith(CLUSTER_INFORMATION_KEY)) return;
      world.etcd.put(CLUSTER_INFORMATION_KEY, unlockedClusterInformation(informationOf(world)));
    };
    await approve(world, worker, runId, "lock");
    await assertFailed(world, worker, runId, "LOCK_NOT_HELD", /stop it, then `resume`/);
    world.etcd.hooks.after = undefined;
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("a rollout that has failed: the pods are mended, then resume", async () => {
    using world = await World.create();
    const metadata = { name: "kube-system" };
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata };
    await world.kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, namespace);
    const conditions = [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }];
    await world.kubernetes.create(DEPLOYMENTS, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "calico-typha", generation: 1 },
      spec: { replicas: 1, template: { spec: { hostNetwork: true } } },
      status: { observedGeneration: 1, conditions },
    });
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);
    await assertFailed(world, worker, runId, "ROLLOUT_FAILED", /mend what keeps them, then `resume`/);
    const counts = { observedGeneration: 1, updatedReplicas: 1, replicas: 1, availableReplicas: 1 };
    const status = { ...counts, conditions: [] };
    await world.kubernetes.patch({ ...DEPLOYMENTS, name: "calico-typha" }, { status }, { type: "merge" });
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("a change that is broken: it is mended in etcd, then resume", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    const key = resourceKey("globalnetworksets", "broken");
    world.etcd.put(key, "{");
    await approve(world, worker, runId, "lock");
    await assertFailed(world, worker, runId, "CATCH_UP_BLOCKED", /Mend them in etcd and `resume`/);
    world.etcd.delete(key);
    assertState(await resume(world, worker, runId), "Succeeded");
  });
});
