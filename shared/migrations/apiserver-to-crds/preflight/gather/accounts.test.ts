import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { workload } from "../testing/facts.ts";
import { startFakeCluster } from "../testing/fake-cluster.ts";
import { gatherAccounts } from "./accounts.ts";

suite("gathering what accounts may do", () => {
  test("asks for the native group what the old one allows, under its native name", async (t) => {
    const cluster = await startFakeCluster(t, {
      mayOthers: (user, { group, resource, verb }) => {
        if (user !== "system:serviceaccount:kube-system:calico-cni-plugin") return true;
        if (resource === "ipamconfigurations") return false;
        return group === "crd.projectcalico.org" && resource === "ipamconfigs" && verb === "list";
      },
    });
    const accounts = { apiVersion: "v1", plural: "serviceaccounts", namespace: "kube-system" };
    await cluster.put(accounts, { metadata: { name: "calico-cni-plugin", namespace: "kube-system" } });

    const facts = await gatherAccounts(cluster, [
      workload("calico-node", { namespace: "kube-system" }),
      workload("calico-apiserver"),
    ]);

    assert.deepEqual(facts, [
      { account: "kube-system/calico-node", missing: [] },
      { account: "kube-system/calico-cni-plugin", missing: ["list ipamconfigurations"] },
    ]);
  });
});
