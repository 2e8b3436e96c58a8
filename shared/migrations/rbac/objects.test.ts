import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import { accountObjects, bindingObjects, roleObjects, tokenSecret } from "./objects.ts";

const SUBJECT = { migration: "m", namespace: "ops", serviceAccount: "robot" };
const RULES = [
  { group: "", resource: "nodes", verb: "list" },
  { group: "apps", resource: "daemonsets", verb: "get", namespace: "kube-system", name: "calico-node" },
];

suite("the objects that give rights", () => {
  test("are a ClusterRole for what holds everywhere, and a Role in each other namespace", () => {
    const [clusterRole = {}, role = {}, ...rest] = roleObjects(SUBJECT, RULES);
    assert.deepEqual(rest, []);
    assert.deepEqual([clusterRole["kind"], role["kind"]], ["ClusterRole", "Role"]);
    assert.doesNotMatch(JSON.stringify(clusterRole), /daemonsets/);
    assert.equal(textAt(role, "metadata", "namespace"), "kube-system");
    assert.deepEqual(role["rules"], [
      { apiGroups: ["apps"], resources: ["daemonsets"], resourceNames: ["calico-node"], verbs: ["get"] },
    ]);
  });

  test("let the account ask for its own rights also where a cluster was hardened", () => {
    const [clusterRole = {}] = roleObjects(SUBJECT, RULES);
    const rules = objectsAt(clusterRole, "rules").map((rule) => JSON.stringify(rule));
    assert.ok(rules.some((rule) => rule.includes("selfsubjectaccessreviews")));
    assert.ok(rules.some((rule) => rule.includes('"/version"')));
  });

  test("bind each role to the account", () => {
    const bindings = bindingObjects(SUBJECT, RULES);
    assert.deepEqual(
      bindings.map(
        (one) => `${textAt(one, "kind")} ${textAt(one, "roleRef", "kind")} ${textAt(one, "roleRef", "name")}`,
      ),
      ["ClusterRoleBinding ClusterRole calico-migrator-m", "RoleBinding Role calico-migrator-m"],
    );
    for (const one of bindings) {
      assert.deepEqual(one["subjects"], [{ kind: "ServiceAccount", name: "robot", namespace: "ops" }]);
    }
  });

  test("hold the account's namespace unless every cluster has it", () => {
    const kinds = (namespace: string): unknown[] =>
      accountObjects({ ...SUBJECT, namespace }).map(({ kind }) => kind);
    assert.deepEqual(kinds("ops"), ["Namespace", "ServiceAccount"]);
    assert.deepEqual(kinds("kube-system"), ["ServiceAccount"]);
  });

  test("ask the cluster for a token that does not expire, of this account alone", () => {
    const secret = tokenSecret(SUBJECT);
    assert.equal(secret["type"], "kubernetes.io/service-account-token");
    assert.deepEqual(objectAt(secret, "metadata", "annotations"), {
      "kubernetes.io/service-account.name": "robot",
    });
    assert.equal(secret["data"], undefined);
  });
});
