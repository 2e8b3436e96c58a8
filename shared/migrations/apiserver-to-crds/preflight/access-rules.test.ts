import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccessRule } from "../../../kubernetes/access.ts";
import { accessRules, foundRules } from "./access-rules.ts";
import { manifestCrd, manifestPolicy } from "./testing/facts.ts";

function asked(rules: readonly AccessRule[], wanted: AccessRule): boolean {
  return rules.some(
    (rule) => JSON.stringify(Object.entries(rule).sort()) === JSON.stringify(Object.entries(wanted).sort()),
  );
}

const NATIVE = "projectcalico.org";
const OLD = "crd.projectcalico.org";

describe("the rights of the migration", () => {
  const rules = accessRules([]);

  for (const wanted of [
    { group: NATIVE, resource: "ipamconfigurations", verb: "create" },
    { group: NATIVE, resource: "tiers", subresource: "status", verb: "update" },
    { group: NATIVE, resource: "tier.networkpolicies", verb: "delete" },
    { group: OLD, resource: "ipamconfigs", verb: "watch" },
    { group: OLD, resource: "clusterinformations", verb: "patch", name: "default" },
    {
      group: "apiregistration.k8s.io",
      resource: "apiservices",
      verb: "delete",
      name: "v3.projectcalico.org",
    },
    { group: "argoproj.io", resource: "applications", verb: "list" },
  ]) {
    test(`have ${wanted.verb} ${wanted.resource}.${wanted.group}`, () => {
      assert.ok(asked(rules, wanted));
    });
  }

  test("leave the old group's data alone", () => {
    const writes = rules.filter(
      ({ group, resource, verb }) =>
        group === OLD && resource !== "clusterinformations" && !["get", "list", "watch"].includes(verb),
    );

    assert.deepEqual(writes, []);
  });

  test("are each there once", () => {
    const texts = rules.map((rule) => JSON.stringify(rule));

    assert.equal(new Set(texts).size, texts.length);
  });

  test("follow the manifest, without its CRDs", () => {
    const withManifest = accessRules([manifestCrd("tiers.projectcalico.org"), manifestPolicy("v1")]);

    const more = withManifest.slice(rules.length).map(({ resource, verb, name }) => [resource, verb, name]);
    assert.deepEqual(more, [
      ["mutatingadmissionpolicies", "get", "tierlabel"],
      ["mutatingadmissionpolicies", "create", undefined],
      ["mutatingadmissionpolicies", "patch", "tierlabel"],
      ["mutatingadmissionpolicies", "delete", "tierlabel"],
    ]);
  });

  test("follow what was found", () => {
    const manager = { tool: "flux" as const, namespace: "flux-system", name: "calico", uid: "1" };
    const rest = { apiVersion: "kustomize.toolkit.fluxcd.io/v1", plural: "kustomizations" };

    const found = foundRules([{ ...manager, ...rest }], ["configmaps", "widgets.example.org"]);

    const group = "kustomize.toolkit.fluxcd.io";
    assert.ok(
      asked(found, {
        group,
        resource: "kustomizations",
        verb: "patch",
        namespace: "flux-system",
        name: "calico",
      }),
    );
    assert.ok(asked(found, { group: "", resource: "configmaps", verb: "patch" }));
    assert.ok(asked(found, { group: "example.org", resource: "widgets", verb: "list" }));
  });
});
