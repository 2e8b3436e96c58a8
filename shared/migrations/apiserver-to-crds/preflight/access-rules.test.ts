import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccessRule } from "../../../kubernetes/access.ts";
import { accessRules, declaredRules, foundRules } from "./access-rules.ts";
import { manifestCrd, manifestPolicy } from "./testing/facts.ts";

function asked(rules: readonly AccessRule[], wanted: AccessRule): boolean {
  return rules.some(
    (rule) => JSON.stringify(Object.entries(rule).sort()) === JSON.stringify(Object.entries(wanted).sort()),
  );
}

const NATIVE = "projectcalico.org";
const OLD = "crd.projectcalico.org";

describe("the rights of the migration", () => {
  const rules = accessRules({ crds: [], mirrorStatus: false });

  for (const wanted of [
    { group: NATIVE, resource: "ipamconfigurations", verb: "create" },
    { group: NATIVE, resource: "tiers", subresource: "status", verb: "patch" },
    { group: NATIVE, resource: "tier.networkpolicies", verb: "delete" },
    { group: OLD, resource: "ipamconfigs", verb: "watch" },
    { group: OLD, resource: "clusterinformations", verb: "update", name: "default" },
    { group: "apps", resource: "deployments", verb: "patch", name: "tigera-operator" },
    { group: "apps", resource: "daemonsets", verb: "patch", name: "calico-node-windows" },
    { group: "apps", resource: "deployments", verb: "delete", name: "calico-apiserver" },
    { group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicybindings", verb: "list" },
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

  test("are the same whichever API version the manifest's admission policies have", () => {
    const [stable, beta] = ["v1", "v1beta1"].map((version) =>
      accessRules({ crds: [manifestPolicy(version)], mirrorStatus: false }),
    );

    assert.deepEqual(beta, stable);
  });

  test("follow the manifest, without the CRDs that every manifest has", () => {
    const crds = [manifestCrd("tiers.projectcalico.org"), manifestPolicy("v1")];
    const withManifest = accessRules({ crds, mirrorStatus: false });

    const more = withManifest.slice(rules.length).map(({ resource, verb, name }) => [resource, verb, name]);
    assert.deepEqual(more, [
      ["mutatingadmissionpolicies", "get", "tierlabel"],
      ["mutatingadmissionpolicies", "create", undefined],
      ["mutatingadmissionpolicies", "patch", "tierlabel"],
      ["mutatingadmissionpolicies", "delete", "tierlabel"],
    ]);
  });

  test("let go of every CRD that the manifest brings", () => {
    const crds = [manifestCrd("widgets.example.org")];
    const more = accessRules({ crds, mirrorStatus: false }).slice(rules.length);

    assert.deepEqual(
      more.map(({ verb, name }) => [verb, name]),
      [
        ["patch", "widgets.example.org"],
        ["delete", "widgets.example.org"],
      ],
    );
  });

  test("follow what was found", () => {
    const manager = { tool: "flux" as const, namespace: "flux-system", name: "calico", uid: "1" };
    const rest = { apiVersion: "kustomize.toolkit.fluxcd.io/v1", plural: "kustomizations" };

    const found = foundRules({
      managers: [{ ...manager, ...rest }],
      dependants: ["configmaps", "widgets.example.org"],
      oldCrds: ["tiers.crd.projectcalico.org", "widgets.crd.projectcalico.org"],
      enforcesOwners: false,
    });

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
    const deleted = found.filter(({ verb }) => verb === "delete").map(({ name }) => name);
    assert.deepEqual(deleted, ["widgets.crd.projectcalico.org"]);
  });

  test("on a mirrored status are asked for only where there is one", () => {
    const mirrored = accessRules({ crds: [], mirrorStatus: true }).slice(rules.length);

    assert.ok(mirrored.length > 0);
    assert.ok(mirrored.every(({ resource }) => resource === "datastoremigrations"));
  });
});

describe("the declared rights of the migration", () => {
  const subject = {
    targetGroup: "projectcalico.org/v3",
    manifest: [manifestPolicy("v1")],
    rollbackManifest: [],
  } as const;
  const pauses = (rules: readonly AccessRule[]): boolean =>
    asked(rules, { group: "argoproj.io", resource: "applications", verb: "patch" });

  test("hold pausing GitOps tools unless these are left alone", () => {
    assert.ok(pauses(declaredRules(subject)));
    assert.ok(!pauses(declaredRules({ ...subject, pausesGitOps: false })));
  });

  test("hold owner references of the named resources, and of no other", () => {
    const configMaps = { group: "", resource: "configmaps", verb: "patch" };

    assert.ok(!asked(declaredRules(subject), configMaps));
    const rules = declaredRules({ ...subject, dependants: ["configmaps", "widgets.example.org"] });
    assert.ok(asked(rules, configMaps));
    assert.ok(asked(rules, { group: "example.org", resource: "widgets", verb: "get" }));
  });

  test("hold those on dependants and owners only where the API server asks for them", () => {
    const dependants = ["widgets.example.org"];
    const enforced = declaredRules({ ...subject, dependants, enforcesOwners: true });
    for (const rule of [
      { group: "example.org", resource: "widgets", verb: "delete" },
      { group: NATIVE, resource: "ipamconfigurations", subresource: "finalizers", verb: "update" },
      { group: OLD, resource: "ipamconfigs", subresource: "finalizers", verb: "update" },
    ]) {
      assert.ok(asked(enforced, rule), JSON.stringify(rule));
      assert.ok(!asked(declaredRules({ ...subject, dependants }), rule), JSON.stringify(rule));
    }
  });

  test("hold what is asked on every cluster", () => {
    const declared = declaredRules({ ...subject, mirrorStatus: true });

    const missing = accessRules({ crds: subject.manifest, mirrorStatus: true }).filter(
      (rule) => !asked(declared, rule),
    );
    assert.deepEqual(missing, []);
  });
});
