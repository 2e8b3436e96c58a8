import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { KINDS } from "../calico/kinds.ts";
import { isNamespacedByDefault, pluralOf } from "./access-plurals.ts";

suite("plurals of kinds", () => {
  test("are right for every kind of Calico", () => {
    for (const { kind, plural, v3 } of KINDS) {
      assert.equal(pluralOf(kind), plural);
      if (v3 !== undefined) assert.equal(pluralOf(v3.kind), v3.plural);
    }
  });

  test("are right for what manifests hold", () => {
    const kinds = ["DaemonSet", "ClusterRoleBinding", "Endpoints", "Ingress", "MutatingAdmissionPolicy"];
    assert.deepEqual(kinds.map(pluralOf), [
      "daemonsets",
      "clusterrolebindings",
      "endpoints",
      "ingresses",
      "mutatingadmissionpolicies",
    ]);
  });
});

test("an object without a namespace is in `default` only where its kind has namespaces", () => {
  assert.equal(isNamespacedByDefault("ServiceAccount"), true);
  assert.equal(isNamespacedByDefault("ClusterRole"), false);
});
