import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { findUsedSide } from "./used-side.ts";

const BOTH = [
  { side: "crd.projectcalico.org", locked: true },
  { side: "projectcalico.org", locked: true },
] as const;

async function withNode(pods: Record<string, JsonObject[]>): Promise<{ kubernetes: FakeKubernetes }> {
  const kubernetes = new FakeKubernetes();
  for (const [namespace, env] of Object.entries(pods)) {
    await kubernetes.create(
      { apiVersion: "v1", plural: "namespaces" },
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    );
    const ref = { apiVersion: "apps/v1", plural: "daemonsets", namespace };
    const spec = { template: { spec: { containers: [{ name: "calico-node", env }] } } };
    const metadata = { name: "calico-node", namespace };
    await kubernetes.create(ref, { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec });
  }
  return { kubernetes };
}

const KUBERNETES = { name: "DATASTORE_TYPE", value: "kubernetes" };
const NATIVE = { name: "CALICO_API_GROUP", value: "projectcalico.org/v3" };

describe("the datastore that calico-node uses", () => {
  const cases: [string, Record<string, JsonObject[]>, string | undefined, RegExp][] = [
    ["is etcd where nothing is said", { "kube-system": [] }, "etcd", /DATASTORE_TYPE of .* is absent/],
    ["is the old group where it is served", { "kube-system": [KUBERNETES] }, BOTH[0].side, /is kubernetes/],
    ["is the native group where that is said", { "calico-system": [KUBERNETES, NATIVE] }, BOTH[1].side, /v3/],
    ["is not known without calico-node", {}, undefined, /there is no DaemonSet/],
    [
      "is not known where a ConfigMap says it",
      {
        "kube-system": [{ name: "DATASTORE_TYPE", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } }],
      },
      undefined,
      /not in the DaemonSet itself/,
    ],
    [
      "is not known where two disagree",
      { "kube-system": [], "calico-system": [KUBERNETES] },
      undefined,
      /absent, and .*kubernetes/,
    ],
  ];
  for (const [what, pods, side, why] of cases) {
    test(what, async () => {
      const used = await findUsedSide(await withNode(pods), BOTH);
      assert.equal(used.side, side);
      assert.match(used.why, why);
    });
  }

  test("is the native group where the old one is not served", async () => {
    const used = await findUsedSide(await withNode({ "kube-system": [KUBERNETES] }), [BOTH[1]]);
    assert.equal(used.side, "projectcalico.org");
  });
});
