import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import { readLock } from "../../calico/lock.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, runUpTo } from "./testing/steps.ts";
import { startRun, World } from "./testing/world.ts";

const POLICIES = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "shop" };
const HOST = [resourceKey("nodes", "rack7"), resource("Node", "rack7", {})] as const;
const ENDPOINT = [
  "/calico/resources/v3/projectcalico.org/workloadendpoints/openstack/vm--7-openstack-vm-eth0",
  resource("WorkloadEndpoint", "openstack/vm--7-openstack-vm-eth0", {
    orchestrator: "openstack",
    workload: "vm",
    node: "vm-7",
    endpoint: "eth0",
    interfaceName: "tap7",
    ipNetworks: ["192.0.2.7/32"],
  }),
] as const;
const ELECTION = ["/calico/openstack/v1/no-region/neutron_election", { host: "control-1" }] as const;

function clusterInformation(world: World): string {
  return world.etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "";
}

describe("others that use the same etcd", () => {
  for (const [what, [key, value]] of [
    ["a bare-metal host", HOST],
    ["a workload of another orchestrator", ENDPOINT],
    ["OpenStack's own keys", ELECTION],
  ] as const) {
    test(`keep the migration from beginning: ${what}`, async () => {
      using world = await World.create();
      world.etcd.put(key, JSON.stringify(value));
      const worker = world.worker();
      const runId = await startRun(worker);

      const { run } = await world.drive(worker, runId);

      assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
      assert.match(run.failure.message, /others-on-etcd/);
      assert.ok(run.failure.message.includes(key), run.failure.message);
    });
  }

  test("stop with a person's word, and etcd stays locked", async () => {
    using world = await World.create();
    world.etcd.put(HOST[0], JSON.stringify(HOST[1]));
    const worker = world.worker();
    const runId = await startRun(worker, { options: { othersOnEtcd: "stop" } });
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "unmapped-nodes");

    assertState(await approve(world, worker, runId, "unmapped-nodes"), "Succeeded");

    assert.deepEqual(readLock(clusterInformation(world)), { ready: false, lockedBy: runId });
  });

  test("find etcd unlocked once Kubernetes has its own datastore, and locked until then", async () => {
    using world = await World.create();
    const before = clusterInformation(world);
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "unlock", {
      options: { othersOnEtcd: "unlock" },
      approvals: ["switch"],
    });
    assert.equal(readLock(clusterInformation(world)).ready, false);

    assertState(await approve(world, worker, runId, "unlock"), "Succeeded");

    assert.equal(clusterInformation(world), before);
  });
});

describe("the late way back of a cluster that shares its etcd", () => {
  test("carries what changed in Kubernetes, keeps what others wrote in etcd, and names where both did", async () => {
    using world = await World.create();
    const names = ["theirs", "ours", "both", "dropped", "gone"];
    for (const name of names) world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`));
    const before = clusterInformation(world);
    const worker = world.worker();
    const runId = await startRun(worker, { options: { othersOnEtcd: "unlock" } });
    assertState(await world.drive(worker, runId), "Succeeded");
    const write = (name: string, order: number): unknown =>
      world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`, { order }));
    write("theirs", 1);
    write("both", 2);
    write("dropped", 3);
    write("new", 4);
    for (const name of ["ours", "both"])
      await world.kubernetes.patch({ ...POLICIES, name }, { spec: { order: 9 } }, { type: "merge" });
    for (const name of ["dropped", "gone"]) await world.kubernetes.delete({ ...POLICIES, name });
    await worker.engine.undo(runId, "rollback");

    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.subject, "not-carried-back", JSON.stringify(run.failure));
    assert.match(run.waiting.message, /3 will not be in etcd as they are in Kubernetes/);
    for (const name of ["theirs", "both", "dropped"])
      assert.match(run.waiting.message, new RegExp(`shop/${name} `));
    assert.equal(readLock(clusterInformation(world)).ready, true);
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    const order = (name: string): unknown => {
      const value = world.etcd.dump()[policyKey(`shop/${name}`)];
      return value === undefined ? "gone" : (JSON.parse(value) as { spec: { order?: number } }).spec.order;
    };
    assert.deepEqual(["theirs", "ours", "both", "dropped", "gone", "new"].map(order), [
      1,
      9,
      2,
      3,
      "gone",
      4,
    ]);
    assert.equal(clusterInformation(world), before);
  });
});
