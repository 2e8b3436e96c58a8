import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { jsonLines } from "../artifact-lines.ts";
import { BEFORE_SWITCH } from "./before-switch.ts";
import { copiedResources } from "./rehearsals.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { approve, assertState, resume, runUpTo } from "./testing/steps.ts";
import { sidesOf, startRun, type Worker, World } from "./testing/world.ts";

/** A policy that lets nobody change ClusterInformation. */
function guard(write: string): never {
  const message = `${write}: ValidatingAdmissionPolicy 'guard' denied request`;
  throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", message, { next: "", status: 403 });
}

/** A role of etcd that has no right to write keys with this in it. */
function confine({ etcd }: World, part: string): void {
  etcd.hooks.dryRun = (write, object) => {
    if (!write.includes(part)) return object;
    throw new MigratorError("ETCD_AUTH", "permission denied", { next: "" });
  };
}

function isUnlocked({ etcd }: World): boolean {
  return readLock(etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "").ready === true;
}

describe("a user of etcd who may not write all that may have to be written", () => {
  for (const [place, named] of [
    ["/clusterinformations/default", "/calico/resources/v3/projectcalico.org/clusterinformations/default"],
    ["/calico/ipam/v2/assignment/", "/calico/ipam/v2/assignment/"],
    ["/networkpolicies/", "/calico/resources/v3/projectcalico.org/networkpolicies/"],
  ] as const) {
    test(`is refused in preflight, with the place named, and goes on with the right: ${place}`, async () => {
      using world = await World.create();
      const before = sidesOf(world);
      confine(world, place);
      const worker = world.worker();
      const runId = await startRun(worker);
      const { run } = await world.drive(worker, runId);
      assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
      assert.match(run.failure.message, /^lock-rehearsal: ETCD_AUTH: etcd does not let its user write \//);
      assert.ok(run.failure.message.includes(` ${named}, `), run.failure.message);
      assert.match(run.failure.next, /etcdctl role grant-permission ROLE --prefix readwrite \/calico\//);
      assert.deepEqual(sidesOf(world), before);

      world.etcd.hooks.dryRun = undefined;
      assertState(await resume(world, worker, runId), "Succeeded");
    });
  }

  test("is refused before the lock where a right was taken away since", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
    confine(world, "/calico/ipam/");
    const { run } = await approve(world, worker, runId, "lock");
    assert.equal(run.failure?.code, "ETCD_AUTH");
    assert.match(
      run.failure.message,
      /write \/calico\/ipam\/v2\/config, .*handle\/, which the lock or a late way/,
    );
    assert.equal(isUnlocked(world), true);

    world.etcd.hooks.dryRun = undefined;
    assertState(await resume(world, worker, runId), "Succeeded");
  });
});

describe("right before the lock", () => {
  test("what the stages after it do to copies is tried on one of each kind", async () => {
    for (const [part, told] of [
      ["delete crd.projectcalico.org/v1/networkpolicies", /delete networkpolicies /],
      ["replace crd.projectcalico.org/v1/ipamblocks", /take this run off the fields of ipamblocks /],
    ] as const) {
      using world = await World.create();
      const worker = world.worker();
      const runId = await runUpTo(world, worker, "lock", { approvals: ["unlock", "switch"] });
      world.kubernetes.hooks.dryRun = (write, object) => (write.startsWith(part) ? guard(write) : object);
      const { run } = await approve(world, worker, runId, "lock");
      assert.equal(run.failure?.code, "REHEARSAL_FAILED", part);
      assert.match(run.failure.message, told);
      assert.equal(isUnlocked(world), true);

      world.kubernetes.hooks.dryRun = undefined;
      assertState(await resume(world, worker, runId), "Succeeded");
    }
  });

  test("a write that would be refused inside it leaves both sides unlocked, and is named", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    world.kubernetes.hooks.dryRun = (write, object) =>
      write.startsWith("replace") && write.includes("clusterinformations") ? guard(write) : object;
    const { run } = await approve(world, worker, runId, "lock");

    assert.equal(run.failure?.code, "REHEARSAL_FAILED");
    assert.match(run.failure.message, /lock ClusterInformation: .*'guard'.*; unlock ClusterInformation: /);
    assert.equal(readLock(world.etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "").ready, true);

    world.kubernetes.hooks.dryRun = undefined;
    await worker.engine.approve(runId, "test", "unlock");
    await worker.engine.approve(runId, "test", "switch");
    assertState(await resume(world, worker, runId), "Succeeded");
  });
});

describe("right before the lock of the late way back", () => {
  const DAEMON = {
    apiVersion: "apps/v1",
    plural: "daemonsets",
    namespace: "kube-system",
    name: "calico-cni",
  };

  /** A run that has succeeded, and whose switch has told a DaemonSet something else. */
  async function switched(world: World, worker: Worker): Promise<string> {
    const kubeSystem = { apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system" } };
    await world.kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, kubeSystem);
    const before = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: DAEMON.name }, spec: {} };
    await world.kubernetes.create(DAEMON, { ...before, spec: { datastore: "kubernetes" } });
    const runId = await startRun(worker);
    assertState(await world.drive(worker, runId), "Succeeded");
    const remembered = [{ ref: DAEMON, before }];
    await worker.embedded.artifacts.write(`runs/${runId}/${BEFORE_SWITCH}`, jsonLines(remembered));
    return runId;
  }

  function isTargetReady(world: World): boolean {
    const information = "crd.projectcalico.org/v1/clusterinformations/default";
    return readLock(JSON.parse(world.kubernetes.dump()[information] ?? "") as JsonObject).ready === true;
  }

  test("what it writes to the cluster is tried, and the datastore stays in service where it would be refused", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await switched(world, worker);
    await worker.engine.undo(runId, "rollback");
    for (const [part, told] of [
      ["replace apps/v1/daemonsets", /put daemonsets kube-system\/calico-cni back: .*'guard' denied/],
      ["delete crd.projectcalico.org/v1/networkpolicies", /delete networkpolicies [a-z-]+\/[^ ]+: /],
      ["replace crd.projectcalico.org/v1/clusterinformations", /lock ClusterInformation: .*'guard' denied/],
    ] as const) {
      world.kubernetes.hooks.dryRun = (write, object) => (write.startsWith(part) ? guard(write) : object);
      const { run } = await world.drive(worker, runId);
      assert.deepEqual([run.stage, run.failure?.code], ["judge-way-back", "REHEARSAL_FAILED"], part);
      assert.match(
        run.failure?.message ?? "",
        /^the datastore in use is not locked, and goes on working, as a/,
      );
      assert.match(run.failure?.message ?? "", told);
      assert.equal(isTargetReady(world), true);
      world.kubernetes.hooks.dryRun = undefined;
      await worker.engine.resume(runId);
    }
    assertState(await world.drive(worker, runId), "RolledBack");
  });

  test("it is tried before a person is asked for what is lost, and again right before the lock", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await switched(world, worker);
    let tried = 0;
    world.kubernetes.hooks.dryRun = (write, object) => {
      if (!write.startsWith("replace crd.projectcalico.org/v1/clusterinformations")) return object;
      tried++;
      return tried === 1 ? object : guard(write);
    };
    await worker.engine.undo(runId, "rollback");
    const { run } = await world.drive(worker, runId);
    assert.deepEqual([run.stage, run.failure?.code, tried], ["lock-again", "REHEARSAL_FAILED", 2]);
    assert.equal(isTargetReady(world), true);
    world.kubernetes.hooks.dryRun = undefined;
    assertState(await resume(world, worker, runId), "RolledBack");
  });

  test("so is what it writes to etcd, also the endpoints of pods", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await switched(world, worker);
    confine(world, "/workloadendpoints/");
    await worker.engine.undo(runId, "rollback");
    const { run } = await world.drive(worker, runId);
    assert.deepEqual([run.failure?.code, isTargetReady(world)], ["ETCD_AUTH", true]);
    assert.match(run.failure?.message ?? "", /does not let its user write .*workloadendpoints\//);

    world.etcd.hooks.dryRun = undefined;
    assertState(await resume(world, worker, runId), "RolledBack");
  });

  /** Begins the way back of a run that has something that cannot be carried back. */
  async function withLoss(world: World, worker: Worker): Promise<string> {
    const runId = await switched(world, worker);
    const annotations = { "projectcalico.org/IPv4Address": "192.0.2.77/24" };
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "rack1-a", annotations } };
    await world.kubernetes.create({ apiVersion: "v1", plural: "nodes" }, node);
    await worker.engine.undo(runId, "rollback");
    return runId;
  }

  function denyDaemonSets(world: World): void {
    world.kubernetes.hooks.dryRun = (write, object) =>
      write.startsWith("replace apps/v1/daemonsets") ? guard(write) : object;
  }

  test("nobody is asked for losses where the way back could not be gone", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await withLoss(world, worker);
    denyDaemonSets(world);

    const { run } = await world.drive(worker, runId);
    world.kubernetes.hooks.dryRun = undefined;
    const asked = await resume(world, worker, runId);

    assert.deepEqual([run.stage, run.failure?.code], ["judge-way-back", "REHEARSAL_FAILED"]);
    assert.equal(asked.run.waiting?.subject, "not-carried-back");
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
  });

  test("nobody is asked for losses where somebody has unlocked etcd", async () => {
    using world = await World.create();
    const before = world.etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "";
    const worker = world.worker();
    const runId = await withLoss(world, worker);
    world.etcd.put(CLUSTER_INFORMATION_KEY, before);

    const { run } = await world.drive(worker, runId);

    assert.deepEqual(
      [run.stage, run.failure?.code, isTargetReady(world)],
      ["judge-way-back", "SOURCE_UNLOCKED", true],
    );
  });

  test("all is tried once more after the approval, which may have taken days", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await withLoss(world, worker);
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "not-carried-back");
    denyDaemonSets(world);

    const { run } = await approve(world, worker, runId, "not-carried-back");

    assert.deepEqual(
      [run.stage, run.failure?.code, isTargetReady(world)],
      ["lock-again", "REHEARSAL_FAILED", true],
    );
    world.kubernetes.hooks.dryRun = undefined;
    assertState(await resume(world, worker, runId), "RolledBack");
  });
});

test("nobody is asked for rights on kinds that an old Calico does not have", () => {
  const targetGroup = "crd.projectcalico.org/v1";
  const pluralsWithout = (...missing: string[]): string[] =>
    copiedResources({ targetGroup, missingKinds: new Set(missing) }).map(({ plural }) => plural);
  assert.ok(pluralsWithout().includes("tiers"));
  assert.deepEqual(
    pluralsWithout("Tier"),
    pluralsWithout().filter((plural) => plural !== "tiers"),
  );
});
