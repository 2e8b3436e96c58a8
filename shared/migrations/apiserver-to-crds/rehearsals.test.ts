import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { changed } from "../testing/dumps.ts";
import { OLD_LOCK } from "./cluster-information.ts";
import { outerStages } from "./testing/stages.ts";
import { runBefore, startWhole, wholeWorld } from "./testing/whole.ts";
import { runTo, World } from "./testing/world.ts";

/** Writes to what belongs to others, or that only a later stage makes, as the fakes name them, and as they are told. */
const OF_LATER = [
  ["patch v1/configmaps/", /put owner references back on configmaps shop\//],
  ["patch argoproj.io/v1alpha1/applications/", /put Application shop\/calico back/],
  ["delete projectcalico.org/v3/tiers/", /delete tiers /],
  ["patch projectcalico.org/v3/tiers/", /take this run off the fields of tiers /],
  [
    "patch apiextensions.k8s.io/v1/customresourcedefinitions/tiers.projectcalico.org",
    /take this run off the fields of customresourcedefinitions tiers\.projectcalico\.org/,
  ],
] as const;

/** Writes of the way back after the unlock, as the fakes name them, and as they are told. */
const OF_WAY_BACK = [
  ["patch apps/v1/daemonsets/", /switch back daemonsets\/calico-node in kube-system/],
  ["create apps/v1/deployments/calico-apiserver/", /put deployments calico-apiserver\/calico-apiserver back/],
  [
    "patch apiextensions.k8s.io/v1/customresourcedefinitions/tiers.projectcalico.org",
    /open the second version of customresourcedefinitions tiers\.projectcalico\.org/,
  ],
  ["replace apiregistration.k8s.io/v1/apiservices/", /put APIService v3\.projectcalico\.org back/],
  ["replace crd.projectcalico.org/v1/clusterinformations/", /unlock the old group's ClusterInformation/],
  ["patch v1/configmaps/", /take owner references off configmaps shop\//],
  ["delete projectcalico.org/v3/networkpolicies/", /delete networkpolicies shop\//],
  ["patch argoproj.io/v1alpha1/applications/", /put Application shop\/calico back/],
  [
    "delete apiextensions.k8s.io/v1/customresourcedefinitions/tiers.projectcalico.org",
    /delete customresourcedefinitions tiers\.projectcalico\.org/,
  ],
] as const;

/** A policy that forbids every write whose name holds one of these. */
function forbid(world: World, ...parts: string[]): void {
  world.cluster.hooks.dryRun = (write, object) => {
    if (!parts.some((part) => write.includes(part))) return object;
    const message = `${write}: ValidatingAdmissionPolicy 'protect' denied request`;
    throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", message, { next: "", status: 403 });
  };
}

describe("right before the lock", () => {
  test("every write is tried that comes after it, and none is locked where one would be refused", async () => {
    using world = await World.create(outerStages());
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "lock" });
    forbid(
      world,
      "daemonsets",
      "apiservices",
      "delete apiextensions.k8s.io/v1/customresourcedefinitions/ippools.crd",
    );
    await worker.engine.approve(runId, "test", "lock");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "REHEARSAL_FAILED");
    assert.match(
      run.failure.message,
      /switch daemonsets\/calico-node.*; delete APIService v3.*; delete CustomResourceDefinition ippools\.crd/,
    );
    assert.equal(readLock(await world.cluster.get(OLD_LOCK)).ready, true);

    world.cluster.hooks.dryRun = undefined;
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });
});

describe("what belongs to others, and what comes last,", () => {
  test("is tried in preflight as far as it is there", async () => {
    for (const [part, told] of [
      ["patch v1/configmaps/", /take owner references off configmaps shop\//],
      ["patch argoproj.io/v1alpha1/applications/", /pause Application shop\/calico/],
    ] as const) {
      using world = await wholeWorld();
      const worker = world.worker();
      forbid(world, part);
      const runId = await startWhole(worker);
      const { run } = await world.drive(worker, runId);
      assert.equal(run.failure?.code, "PREFLIGHT_FAILED", part);
      assert.match(run.failure.message, told);

      world.cluster.hooks.dryRun = undefined;
      await worker.engine.resume(runId);
      assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
    }
  });

  test("is tried right before the lock, and nothing is locked where it would be refused", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    await worker.engine.approve(runId, "test", "lock");
    for (const [part, told] of OF_LATER) {
      forbid(world, part);
      const { run } = await world.drive(worker, runId);
      assert.equal(run.failure?.code, "REHEARSAL_FAILED", part);
      assert.match(run.failure.message, told);
      assert.equal(readLock(await world.cluster.get(OLD_LOCK)).ready, true);
      world.cluster.hooks.dryRun = undefined;
      await worker.engine.resume(runId);
    }
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });
});

describe("on the way back after the unlock", () => {
  test("every write is tried, and nothing is changed where one would be refused", async () => {
    using world = await wholeWorld();
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await worker.engine.undo(runId, "rollback");
    const there = world.cluster.dump();
    for (const [part, told] of OF_WAY_BACK) {
      forbid(world, part);
      const { run } = await world.drive(worker, runId);
      assert.deepEqual([run.stage, run.failure?.code], ["ask-late-changes", "REHEARSAL_FAILED"], part);
      assert.match(
        run.failure?.message ?? "",
        /^the datastore in use is not locked, and goes on working, as a/,
      );
      assert.match(run.failure?.message ?? "", told);
      assert.deepEqual(changed(there, world.cluster.dump()), [], part);
      world.cluster.hooks.dryRun = undefined;
      await worker.engine.resume(runId);
    }
    assert.equal((await world.drive(worker, runId)).run.state, "RolledBack");
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });
});
