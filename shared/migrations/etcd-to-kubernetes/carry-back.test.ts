import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { workloadEndpointOf } from "../../calico/workload-endpoint.ts";
import type { JsonObject } from "../../json.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, rollBack } from "./testing/steps.ts";
import { startRun, type Worker, World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
/** Of an object that is held when it is deleted. */
const NEW = { namespace: "shop", finalizers: ["example.com/hold"] };
const PODS = { apiVersion: "v1", plural: "pods", namespace: "shop" };
const NODES = { apiVersion: "v1", plural: "nodes" };
const ENDPOINTS = "/calico/resources/v3/projectcalico.org/workloadendpoints/shop/";

function pod(node: string, container: string, ip: string): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web-0",
      namespace: "shop",
      annotations: { "cni.projectcalico.org/containerID": container },
    },
    spec: { nodeName: node, containers: [] },
    status: { phase: "Running", podIPs: [{ ip }] },
  };
}

/** Puts the endpoint that the CNI plugin made of a pod into etcd. */
function putEndpoint(world: World, etcdNode: string, container: string, ip: string): void {
  const endpoint = workloadEndpointOf(pod(etcdNode, container, ip), (name) => name);
  assert.ok(endpoint);
  world.etcd.put(endpoint.key, JSON.stringify(endpoint.value));
}

/** The node and the addresses of every endpoint that etcd has. */
function endpoints(world: World): string[] {
  const found = Object.entries(world.etcd.dump()).filter(([key]) => key.startsWith(ENDPOINTS));
  return found.map(([, text]) => {
    const { spec } = JSON.parse(text) as {
      spec: { node: string; containerID: string; ipNetworks: string[] };
    };
    return `${spec.node} ${spec.containerID} ${spec.ipNetworks.join()}`;
  });
}

async function finished(world: World, worker: Worker): Promise<string> {
  const runId = await startRun(worker);
  assertState(await world.drive(worker, runId), "Succeeded");
  return runId;
}

describe("the endpoint of a pod that keeps its name", () => {
  test("is that of the node to which it has moved, and no other is left", async () => {
    using world = await World.create();
    putEndpoint(world, "rack1-a", "c1", "10.0.0.1");
    const worker = world.worker();
    const runId = await finished(world, worker);
    await world.kubernetes.create(PODS, pod("node-b", "c2", "10.0.0.1"));

    await rollBack(world, worker, runId);

    assert.deepEqual(endpoints(world), ["node-b c2 10.0.0.1/32"]);
  });

  test("has the addresses that it has now, in the same sandbox too", async () => {
    using world = await World.create();
    putEndpoint(world, "rack1-a", "c1", "10.0.0.1");
    const worker = world.worker();
    const runId = await finished(world, worker);
    await world.kubernetes.create(PODS, pod("node-a.example", "c1", "10.0.0.7"));

    await rollBack(world, worker, runId);

    assert.deepEqual(endpoints(world), ["rack1-a c1 10.0.0.7/32"]);
  });
});

describe("what a late rollback cannot take back to etcd", () => {
  test("is named, and lost only with an approval: a new node with the name of another in etcd, its block and its pods", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await finished(world, worker);
    const annotations = { "projectcalico.org/IPv4Address": "192.0.2.77/24" };
    await world.kubernetes.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "rack1-a", annotations },
    });
    const spec = {
      cidr: "10.8.0.0/26",
      affinity: "host:rack1-a",
      allocations: [],
      attributes: [],
      unallocated: [],
    };
    await world.kubernetes.create(
      { apiVersion: V1, plural: "ipamblocks" },
      { apiVersion: V1, kind: "IPAMBlock", metadata: { name: "10-8-0-0-26" }, spec },
    );
    await world.kubernetes.create(PODS, pod("rack1-a", "c9", "10.8.0.1"));

    await worker.engine.undo(runId, "rollback");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.subject, "not-carried-back", JSON.stringify([run.stage, run.failure]));
    for (const name of [/nodes\/rack1-a \(/, /ipamblocks\/10-8-0-0-26 \(/, /pods\/shop\/web-0 \(/])
      assert.match(run.waiting.message, name);
    assert.equal(run.waiting.count, 3);
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    assert.deepEqual(endpoints(world), []);
  });
});

describe("an object that is deleted, and held by a finalizer", () => {
  const POLICIES = { apiVersion: V1, plural: "networkpolicies", namespace: "shop" };

  test("is not carried back as a living one: it is named, and etcd has it no more", async () => {
    using world = await World.create();
    for (const name of ["held", "kept"])
      world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`));
    const worker = world.worker();
    const runId = await finished(world, worker);
    const held = { ...POLICIES, name: "held" };
    await world.kubernetes.patch(held, { metadata: { finalizers: ["example.com/hold"] } }, { type: "merge" });
    await world.kubernetes.delete(held);
    const found = await world.kubernetes.get(held);
    await world.kubernetes.create(POLICIES, { ...found, metadata: { ...NEW, name: "new" } });
    await world.kubernetes.delete({ ...POLICIES, name: "new" });

    await worker.engine.undo(runId, "rollback");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.subject, "not-carried-back", JSON.stringify([run.stage, run.failure]));
    assert.match(run.waiting.message, /2 will not .*shop\/held \(it is deleted in Kubernetes.*shop\/new \(/);
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    const etcd = world.etcd.dump();
    const there = ["held", "kept", "new"].map((name) => etcd[policyKey(`shop/${name}`)] !== undefined);
    assert.deepEqual(there, [false, true, false]);
  });
});
