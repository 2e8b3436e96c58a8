import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { AccessRule } from "../../kubernetes/access.ts";
import { type PolicyRule, policyRules } from "./policy-rules.ts";

const rule: fc.Arbitrary<AccessRule> = fc.record(
  {
    group: fc.constantFrom("", "apps", "crd.projectcalico.org"),
    resource: fc.constantFrom("pods", "nodes", "ippools"),
    subresource: fc.constantFrom("status", "scale"),
    verb: fc.constantFrom("get", "list", "create", "patch"),
    name: fc.constantFrom("a", "b", "c"),
  },
  { requiredKeys: ["group", "resource", "verb"] },
);

/** Every right that the rules grant, one by one. */
function granted(rules: readonly PolicyRule[]): Set<string> {
  const rights = rules.flatMap(({ apiGroups, resources, resourceNames = ["*"], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => resourceNames.map((name) => [group, resource, verb, name].join(" "))),
      ),
    ),
  );
  return new Set(rights);
}

suite("policyRules", () => {
  test("grant exactly the rights that are asked for", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 30 }), (rules) => {
        const asked = rules.map(({ group, resource, subresource, verb, name = "*" }) =>
          [group, subresource === undefined ? resource : `${resource}/${subresource}`, verb, name].join(" "),
        );
        assert.deepEqual(granted(policyRules(rules)), new Set(asked));
      }),
    );
  });

  test("are few where many rights are alike", () => {
    const verbs = ["get", "list"];
    const rules = ["pods", "nodes"].flatMap((resource) =>
      verbs.map((verb) => ({ group: "", resource, verb })),
    );
    assert.deepEqual(policyRules(rules), [{ apiGroups: [""], resources: ["pods", "nodes"], verbs }]);
  });

  test("keep a right on all objects apart from one on named objects", () => {
    const group = "apps";
    const rules = [
      { group, resource: "daemonsets", verb: "create" },
      { group, resource: "daemonsets", verb: "patch", name: "calico-node" },
    ];
    assert.deepEqual(policyRules(rules), [
      { apiGroups: [group], resources: ["daemonsets"], verbs: ["create"] },
      { apiGroups: [group], resources: ["daemonsets"], resourceNames: ["calico-node"], verbs: ["patch"] },
    ]);
  });
});
