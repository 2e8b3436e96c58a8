import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { crdResource } from "../../../../kubernetes/crds.ts";
import { startFakeCluster, storedCrd } from "../testing/fake-cluster.ts";
import { gatherCrds } from "./crds.ts";

suite("gathering CRDs", () => {
  for (const [what, metadata, owner] of [
    [
      "a Helm release",
      {
        annotations: {
          "meta.helm.sh/release-name": "calico",
          "meta.helm.sh/release-namespace": "tigera-operator",
        },
      },
      { tool: "helm", name: "tigera-operator/calico" },
    ],
    [
      "an object set with an owner",
      {
        annotations: {
          "objectset.rio.cattle.io/id": "x",
          "objectset.rio.cattle.io/owner-name": "rke2-calico-crd",
        },
        labels: { "objectset.rio.cattle.io/hash": "abc" },
      },
      { tool: "objectset", name: "rke2-calico-crd" },
    ],
    [
      "an object set by its hash",
      { labels: { "objectset.rio.cattle.io/hash": "abc" } },
      { tool: "objectset", name: "abc" },
    ],
    ["nobody", { labels: { app: "calico" } }, undefined],
  ] as const) {
    test(`knows those of ${what}`, async (t) => {
      const cluster = await startFakeCluster(t);
      await cluster.put(
        crdResource,
        storedCrd("tiers.crd.projectcalico.org", metadata),
        storedCrd("a.example.org"),
      );

      const { oldCrds, nativeCrds } = await gatherCrds(cluster);

      assert.deepEqual(
        oldCrds.map((crd) => [crd.name, crd.plural, crd.established, crd.owner]),
        [["tiers.crd.projectcalico.org", "tiers", true, owner]],
      );
      assert.deepEqual(nativeCrds, []);
    });
  }
});
