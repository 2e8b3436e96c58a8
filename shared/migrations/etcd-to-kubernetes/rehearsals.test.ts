import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { MigratorError } from "../../errors.ts";
import { copiedResources } from "./rehearsals.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { approve, assertState, resume, runUpTo } from "./testing/steps.ts";
import { sidesOf, startRun, World } from "./testing/world.ts";

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
