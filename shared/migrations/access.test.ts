import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AccessRule } from "../kubernetes/access.ts";
import { accessOf, MIGRATIONS_WITH_ACCESS } from "./access.ts";
import { MIGRATIONS } from "./registry.ts";

const SUBJECT = { targetGroup: "crd.projectcalico.org/v1", manifest: [], rollbackManifest: [] } as const;
const RBAC = "rbac.authorization.k8s.io";

function texts(rules: readonly AccessRule[]): string[] {
  return rules.map(({ group, resource, subresource, verb, namespace, name }) =>
    [verb, group, resource, subresource, namespace, name]
      .filter((part) => part !== undefined && part !== "")
      .join(" "),
  );
}

function ofManifest(...manifest: object[]): string[] {
  const objects = manifest as never[];
  return texts(accessOf("etcd-to-kubernetes", { ...SUBJECT, manifest: objects }));
}

suite("the rights of migrations", () => {
  test("are declared for every migration that there is", () => {
    assert.deepEqual([...MIGRATIONS_WITH_ACCESS].sort(), MIGRATIONS.map(({ name }) => name).sort());
  });

  test("are refused for another one (MIGRATION_UNKNOWN), with the names of those that have some", () => {
    const next = `Use one of: ${MIGRATIONS_WITH_ACCESS.join(", ")}.`;
    assert.throws(() => accessOf("other", SUBJECT), { code: "MIGRATION_UNKNOWN", next });
    for (const name of MIGRATIONS_WITH_ACCESS) assert.ok(accessOf(name, SUBJECT).length > 0, name);
  });

  test("name every custom resource as the target group does", () => {
    const v1 = texts(accessOf("etcd-to-kubernetes", SUBJECT));
    const v3 = texts(accessOf("etcd-to-kubernetes", { ...SUBJECT, targetGroup: "projectcalico.org/v3" }));
    assert.ok(v1.includes("update crd.projectcalico.org ipamconfigs"));
    assert.ok(v3.includes("update projectcalico.org ipamconfigurations"));
  });

  test("without a manifest hold no write to anything but Calico's resources and Nodes' annotations", () => {
    const writes = texts(accessOf("etcd-to-kubernetes", SUBJECT)).filter(
      (text) => !/^(get|list) /.test(text),
    );
    const others = writes.filter((text) => !/^(create|update|delete) crd\.projectcalico\.org /.test(text));
    assert.deepEqual(others, ["patch nodes status"]);
  });

  test("ask for nothing of kinds that the target has not", () => {
    for (const migration of ["etcd-to-kubernetes", "backup", "restore"]) {
      const missingKinds = new Set(["Tier", "StagedNetworkPolicy"]);
      const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: {} };
      const rights = texts(accessOf(migration, { ...SUBJECT, manifest: [crd], missingKinds }));
      assert.deepEqual(
        rights.filter((text) => /tiers|stagednetworkpolicies/.test(text)),
        [],
      );
      assert.ok(rights.some((text) => text.endsWith(" networkpolicies")));
    }
  });

  test("with a manifest hold its objects by name, in their namespaces", () => {
    const metadata = { name: "calico-node", namespace: "calico-system" };
    const rights = ofManifest({ apiVersion: "apps/v1", kind: "DaemonSet", metadata });
    for (const verb of ["get", "patch", "update", "delete"]) {
      assert.ok(rights.includes(`${verb} apps daemonsets calico-system calico-node`), verb);
    }
    assert.ok(rights.includes("create apps daemonsets calico-system"));
    assert.ok(
      ofManifest({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } }).includes(
        "get configmaps default a",
      ),
    );
  });

  test("hold what the API server asks of those who give rights to others", () => {
    const metadata = { name: "calico-node" };
    const roleRef = { apiGroup: RBAC, kind: "ClusterRole", name: "calico-node" };
    const rights = ofManifest(
      { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata },
      { apiVersion: `${RBAC}/v1`, kind: "ClusterRoleBinding", metadata, roleRef },
    );
    assert.ok(rights.includes(`escalate ${RBAC} clusterroles calico-node`));
    assert.ok(rights.includes(`bind ${RBAC} clusterroles calico-node`));
  });

  test("with the manifest's CRDs hold writing Calico's own, by name", () => {
    const metadata = { name: "ippools.crd.projectcalico.org" };
    const rights = ofManifest({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata,
    });
    const named = rights.filter((text) => text.startsWith("delete apiextensions.k8s.io"));
    assert.ok(named.length > 10);
    assert.ok(named.every((text) => text.endsWith(".crd.projectcalico.org")));
  });

  test("for the way back hold applying and letting go, and no more", () => {
    const metadata = { name: "calico-node", namespace: "kube-system" };
    const rollbackManifest = [{ apiVersion: "v1", kind: "ConfigMap", metadata }];
    const rights = texts(accessOf("etcd-to-kubernetes", { ...SUBJECT, rollbackManifest }));
    assert.deepEqual(
      rights.filter((text) => text.includes("configmaps")),
      [
        "get configmaps kube-system calico-node",
        "create configmaps kube-system",
        "patch configmaps kube-system calico-node",
      ],
    );
  });

  test("are asked for once each", () => {
    const metadata = { name: "calico-node", namespace: "kube-system" };
    const rights = ofManifest({ apiVersion: "apps/v1", kind: "DaemonSet", metadata });
    assert.equal(new Set(rights).size, rights.length);
  });

  test("of a backup are reading alone", () => {
    assert.ok(texts(accessOf("backup", SUBJECT)).every((text) => /^(list|get) /.test(text)));
  });
});
