import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { failure } from "../../../../kubernetes/testing/fake-store.ts";
import type { Workload } from "../facts.ts";
import { type FakeCluster, startFakeCluster, storedWorkload } from "../testing/fake-cluster.ts";
import { isOwnerEnforced } from "./owner-enforcement.ts";

const NODE = { apiVersion: "apps/v1", plural: "daemonsets", namespace: "kube-system", name: "calico-node" };
const WORKLOADS: readonly Workload[] = [
  {
    kind: "DaemonSet",
    namespace: NODE.namespace,
    name: NODE.name,
    serviceAccount: NODE.name,
    images: [],
    apiGroup: undefined,
    datastore: undefined,
    helmRelease: undefined,
  },
];
const SUBJECT = 'daemonsets.apps "calico-node" is forbidden';

async function clusterWithNode(t: TestContext): Promise<FakeCluster> {
  const cluster = await startFakeCluster(t);
  const owners = [{ apiVersion: "operator.tigera.io/v1", kind: "Installation", name: "default", uid: "1" }];
  const stored = storedWorkload(NODE, { image: "quay.io/calico/node:v3.32.1" });
  await cluster.put(NODE, {
    ...stored,
    metadata: { ...(stored["metadata"] as object), ownerReferences: owners },
  });
  return cluster;
}

suite("whether owner references are guarded", () => {
  for (const [what, message] of [
    ["objects", `${SUBJECT}: cannot set an ownerRef on a resource you can't delete: , <nil>`],
    [
      "owners",
      `${SUBJECT}: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>`,
    ],
  ] as const) {
    test(`is seen where the API server asks for rights on ${what}`, async (t) => {
      const cluster = await clusterWithNode(t);
      cluster.fake.inject({ method: "PATCH", answer: failure(403, "Forbidden", message) });
      assert.equal(await isOwnerEnforced(cluster, WORKLOADS), true);
    });
  }

  for (const [what, status, reason, message] of [
    ["the user may not patch at all", 403, "Forbidden", `${SUBJECT}: User "robot" cannot patch resource`],
    ["a webhook knows no dry runs", 400, "BadRequest", "admission webhook does not support dry run"],
    ["somebody else writes", 409, "Conflict", "the object has been modified"],
  ] as const) {
    test(`is not known where ${what}`, async (t) => {
      const cluster = await clusterWithNode(t);
      cluster.fake.inject({ method: "PATCH", answer: failure(status, reason, message) });
      assert.equal(await isOwnerEnforced(cluster, WORKLOADS), false);
    });
  }

  test("is tried by a dry run that keeps the owners there are", async (t) => {
    const cluster = await clusterWithNode(t);
    const before = await cluster.kubernetes.get(NODE);
    assert.equal(await isOwnerEnforced(cluster, WORKLOADS), false);
    const [patch] = cluster.fake.requests.filter(({ method }) => method === "PATCH");
    assert.equal(patch?.query.get("dryRun"), "All");
    const { ownerReferences } = patch.body["metadata"] as { ownerReferences: { kind: string }[] };
    assert.deepEqual(
      ownerReferences.map(({ kind }) => kind),
      ["Installation", "ConfigMap"],
    );
    assert.deepEqual(await cluster.kubernetes.get(NODE), before);
  });

  test("is not asked where there is no calico-node", async (t) => {
    const cluster = await startFakeCluster(t);
    assert.equal(await isOwnerEnforced(cluster, []), false);
    assert.deepEqual(cluster.fake.requests, []);
  });
});
