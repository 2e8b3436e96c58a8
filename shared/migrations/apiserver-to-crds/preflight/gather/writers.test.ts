import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../../json.ts";
import { workload } from "../testing/facts.ts";
import { startFakeCluster } from "../testing/fake-cluster.ts";
import { gatherWriters } from "./writers.ts";

const rbac = (plural: string) => ({ apiVersion: "rbac.authorization.k8s.io/v1", plural });

suite("gathering writers", () => {
  const writing = {
    apiGroups: ["projectcalico.org"],
    resources: ["networkpolicies"],
    verbs: ["get", "patch"],
  };
  const binding = (name: string, role: JsonObject, subjects: JsonObject[], namespace?: string) => ({
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: role,
    subjects,
  });

  test("names who may write by a role for the group, and nobody else", async (t) => {
    const cluster = await startFakeCluster(t);
    const roles: [string, JsonObject][] = [
      ["writes", writing],
      ["reads", { ...writing, verbs: ["get", "list"] }],
      ["everything", { ...writing, apiGroups: ["*"], verbs: ["*"] }],
    ];
    for (const [name, rule] of roles)
      await cluster.put(rbac("clusterroles"), { metadata: { name }, rules: [rule] });
    const inShop = { ...rbac("roles"), namespace: "shop" };
    await cluster.put(inShop, { metadata: { name: "nets", namespace: "shop" }, rules: [writing] });
    const role = (name: string) => ({ kind: "ClusterRole", name });
    const account = (namespace: string, name: string) => ({ kind: "ServiceAccount", namespace, name });
    await cluster.put(
      rbac("clusterrolebindings"),
      binding("a", role("writes"), [
        { kind: "Group", name: "devs" },
        { kind: "Group", name: "system:masters" },
        { kind: "Group", name: "system:authenticated" },
        { kind: "User", name: "system:kube-controller-manager" },
        account("apps", "deployer"),
        account("kube-system", "calico-node"),
        account("apps", "calico-node"),
      ]),
      binding("b", role("reads"), [{ kind: "Group", name: "readers" }]),
      binding("c", role("everything"), [{ kind: "Group", name: "admins" }]),
    );
    const bindings = { ...rbac("rolebindings"), namespace: "shop" };
    await cluster.put(
      bindings,
      binding("d", { kind: "Role", name: "nets" }, [{ kind: "User", name: "ann" }], "shop"),
      binding("e", role("nets"), [{ kind: "User", name: "bob" }], "shop"),
    );

    const found = await gatherWriters(cluster, [workload("calico-node", { namespace: "kube-system" })]);

    assert.deepEqual(found, [
      { subject: "Group devs", role: "ClusterRole writes", namespace: undefined },
      { subject: "Group system:authenticated", role: "ClusterRole writes", namespace: undefined },
      { subject: "ServiceAccount apps/deployer", role: "ClusterRole writes", namespace: undefined },
      { subject: "ServiceAccount apps/calico-node", role: "ClusterRole writes", namespace: undefined },
      { subject: "User ann", role: "Role nets", namespace: "shop" },
    ]);
  });

  test("stops at a hundred", async (t) => {
    const cluster = await startFakeCluster(t);
    await cluster.put(rbac("clusterroles"), { metadata: { name: "writes" }, rules: [writing] });
    const subjects = Array.from({ length: 150 }, (_, at) => ({ kind: "User", name: `u${at}` }));
    await cluster.put(
      rbac("clusterrolebindings"),
      binding("a", { kind: "ClusterRole", name: "writes" }, subjects),
    );

    assert.equal((await gatherWriters(cluster, [])).length, 100);
  });
});
