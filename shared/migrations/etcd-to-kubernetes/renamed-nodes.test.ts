import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import { approve, assertState, rollBack } from "./testing/steps.ts";
import { startRun, World } from "./testing/world.ts";

const NODE = resourceKey("nodes", "vm-1");
const BLOCK = "/calico/ipam/v2/assignment/ipv4/block/10.9.9.0-26";
const AFFINITY = "/calico/ipam/v2/host/vm-1/ipv4/block/10.9.9.0-26";
const GROUP = "crd.projectcalico.org/v1";

function putNode(world: World, orchRefs: { nodeName: string; orchestrator: string }[]): void {
  world.etcd.put(
    NODE,
    JSON.stringify(resource("Node", "vm-1", { orchRefs, bgp: { ipv4Address: "192.0.2.71/24" } })),
  );
}

/** A node of etcd with a block, and two Nodes of Kubernetes that it may be. */
async function withNode(orchRefs: { nodeName: string; orchestrator: string }[]): Promise<World> {
  const world = await World.create();
  for (const name of ["kube-7", "kube-8"])
    await world.kubernetes.create(
      { apiVersion: "v1", plural: "nodes" },
      { apiVersion: "v1", kind: "Node", metadata: { name } },
    );
  putNode(world, orchRefs);
  world.etcd.put(
    BLOCK,
    JSON.stringify({
      cidr: "10.9.9.0/26",
      affinity: "host:vm-1",
      allocations: [],
      unallocated: [0],
      attributes: [],
    }),
  );
  world.etcd.put(AFFINITY, JSON.stringify({ state: "confirmed" }));
  return world;
}

function assertIs(world: World, node: string): void {
  const dump = world.kubernetes.dump();
  assert.match(dump[`v1/nodes/${node}`] ?? "", /192\.0\.2\.71/);
  assert.match(dump[`${GROUP}/ipamblocks/10-9-9-0-26`] ?? "", new RegExp(`host:${node}"`));
  const affinities = Object.keys(dump).filter((path) => path.endsWith("-10-9-9-0-26"));
  assert.deepEqual(affinities, [`${GROUP}/blockaffinities/${node}-10-9-9-0-26`]);
}

describe("a node of etcd that gets another Kubernetes name during the run", () => {
  for (const stage of ["catch-up", "verify-revisions"]) {
    for (const [what, orchRefs] of [
      ["without one", []],
      ["with one", [{ nodeName: "kube-7", orchestrator: "k8s" }]],
    ] as const) {
      test(`is carried under it, and all that names it: ${what} at first, by ${stage}`, async () => {
        using world = await withNode([...orchRefs]);
        const paths = Object.keys(world.kubernetes.dump());
        const worker = world.worker();
        // A node without a name of Kubernetes is nobody's, or one outside of it: the run would be refused for it.
        const options = { othersOnEtcd: "stop" };
        const runId = await startRun(worker, { options, stopBefore: stage });
        const { run } = await world.drive(worker, runId);
        if (orchRefs.length === 0) {
          assert.equal(run.waiting?.subject, "unmapped-nodes");
          await approve(world, worker, runId, "unmapped-nodes");
        }
        putNode(world, [{ nodeName: "kube-8", orchestrator: "k8s" }]);
        if (stage === "catch-up") world.etcd.compact();

        assertState(await approve(world, worker, runId, stage), "Succeeded");

        assertIs(world, "kube-8");
        assert.doesNotMatch(world.kubernetes.dump()["v1/nodes/kube-7"] ?? "", /192\.0\.2\.71/);
        await rollBack(world, worker, runId);
        assert.deepEqual(Object.keys(world.kubernetes.dump()), paths);
      });
    }
  }
});
