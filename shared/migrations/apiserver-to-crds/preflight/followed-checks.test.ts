import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CHECKS } from "./catalogue.ts";
import type { Facts, WebhookFact } from "./facts.ts";
import { byOperator, crdsOf, healthy, manifestPolicy, objects, workload } from "./testing/facts.ts";

/** What a check finds, what of its advice is followed, and what there is then. */
type Row = readonly [check: string, found: Facts, advice: RegExp, then?: Facts];

const some = { count: 1, first: ["Tier a"] };
const none = { count: 0, first: [] };
const [firstOld, ...otherOld] = crdsOf("crd.projectcalico.org/v1");
const [firstNative, ...otherNative] = crdsOf("projectcalico.org/v3");
assert.ok(firstOld && firstNative);
const held: WebhookFact = {
  ...{ configuration: "guard", name: "guard.example.org", service: "guard/guard" },
  ...{ guardsClusterInformation: false, guardsTiers: false, failsClosed: true, reachable: false },
};
const argocd = {
  ...{ tool: "argocd" as const, kind: "Application", apiVersion: "argoproj.io/v1alpha1" },
  ...{ plural: "applications", namespace: "argocd", name: "calico", uid: "1" },
  evidence: { examples: ["names a CRD"], count: 1 },
};
const denied = [{ group: "", resource: "pods", verb: "list", reason: "" }];
const mixed = workload("calico-node", {
  images: ["v3.33.0", "v3.29.1"].map((version) => ({ container: version, image: "x", version })),
});

const ROWS: readonly Row[] = [
  [
    "old-group",
    healthy({ oldCrds: [], nativeCrds: [] }),
    /If this is the wrong cluster, check the connection/,
  ],
  [
    "old-group-in-use",
    healthy({ workloads: [workload("calico-node", { datastore: "etcdv3" })] }),
    /From etcd, use the migration `etcd-to-kubernetes` first/,
  ],
  ["upstream-migration", healthy({ migrations: [{ name: "v1-to-v3", phase: "" }] }), /^Let it finish/],
  ["mirror-status", healthy({ mirrorStatus: true }), /^(Start again without --mirror-status|.*--crds)/],
  [
    "compatibility",
    byOperator("v1.42.0", { kubernetes: "v1.37.0" }),
    /^Upgrade the operator to 1\.42\.2/,
    byOperator("v1.42.2"),
  ],
  [
    "installer",
    healthy({ workloads: [workload("calico-node"), workload("calico-node", { namespace: "kube-system" })] }),
    /^Finish a migration between installers first/,
  ],
  ["component-versions", healthy({ workloads: [mixed] }), /^Finish the upgrade of Calico first/],
  [
    "admission-policies",
    healthy({ admissionPolicies: [] }),
    /admission policies of your Calico release in --crds/,
    healthy({ admissionPolicies: [], manifest: [manifestPolicy("v1")] }),
  ],
  ["native-crds", healthy({ nativeCrds: otherNative }), /^Apply the native CRDs of your Calico release/],
  [
    "other-runs",
    healthy({ nativeCrds: [{ ...firstNative, runs: ["run-7"] }, ...otherNative] }),
    /^Finish run run-7 where it was started, or undo it there/,
  ],
  [
    "kinds-convertible",
    healthy({ unconverted: [{ plural: "licensekeys", hasObjects: true }] }),
    /save their objects with kubectl and delete the CRDs/,
  ],
  [
    "objects-convertible",
    healthy({ conversions: { changed: none, broken: some } }),
    /^Put them right, or delete them/,
  ],
  [
    "schema-accepts",
    healthy({ objects: objects({ refused: some }) }),
    /^Mend what is named with kubectl edit/,
  ],
  ["names-unique", healthy({ objects: objects({ colliding: some }) }), /^Rename or delete one of each two/],
  ["namespaces-there", healthy({ objects: objects({ homeless: some }) }), /or delete what is named/],
  ["quotas", healthy({ objects: objects({ overQuota: some }) }), /^Raise the quota until the run has ended/],
  [
    "left-out",
    healthy({ objects: objects({ leftOutMissing: ["Tier/x"] }) }),
    /^Start again with --skip and the name/,
    healthy({ objects: objects({ leftOut: some }) }),
  ],
  [
    "crd-owners",
    healthy({
      oldCrds: [{ ...firstOld, owner: { tool: "helm", name: "tigera/calico" } }, ...otherOld],
    }),
    /^Make Helm keep them/,
  ],
  ["access", healthy({ access: { asked: 1, denied } }), /^Grant these rights/],
  [
    "component-access",
    healthy({ accounts: [{ account: "a/b", missing: ["list tiers"] }] }),
    /^Apply the ClusterRoles of your Calico release/,
  ],
  [
    "aggregated-api",
    healthy({ apiService: { ...healthy().apiService, available: false, message: "down" } }),
    /^Mend calico-apiserver/,
  ],
  ["api-server-duties", healthy({ guards: "none" }), /^Start again without --native-guards/],
  ["cluster-information", healthy({ clusterInformation: { ready: false } }), /"datastoreReady":true/],
  [
    "built-in-tiers",
    healthy({ tiers: [{ name: "default", order: 7, defaultAction: "Deny" }] }),
    /^kubectl patch tiers\.crd\.projectcalico\.org default .*"order":1000000/,
  ],
  [
    "policy-names",
    healthy({ legacyNames: some }),
    /"policyNameMigrator":"Disabled"/,
    healthy({ legacyNames: some, policyNameMigrator: "Disabled" }),
  ],
  ["finalizers", healthy({ held: some, deleting: some }), /have them taken off before the cleanup/],
  ["policy-types", healthy({ conversions: { changed: some, broken: none } }), /set spec\.types now/],
  [
    "gitops",
    healthy({ gitops: { mode: "refuse", managers: [argocd], elsewhere: [] } }),
    /^Let the migration pause it with --gitops=pause/,
    healthy({ gitops: { mode: "pause", managers: [argocd], elsewhere: [] } }),
  ],
  ["webhooks", healthy({ webhooks: [held] }), /^Delete the webhook configuration/],
  [
    "lock-rehearsal",
    healthy({ rehearsal: { asked: 7, refused: ["patch x: no"], untried: [] } }),
    /^Let the policy, webhook or role that is named allow/,
  ],
  [
    "native-writers",
    healthy({ writers: [{ subject: "User ann", role: "Role r", namespace: "shop" }] }),
    /or take the rights away/,
  ],
  [
    "foreign-dependants",
    healthy({ dependants: { byResource: {}, unread: ["metrics: down"], skip: false } }),
    /^Start again with a kubeconfig that may list every resource/,
  ],
];

describe("the advice of a check of apiserver-to-crds, followed", () => {
  test("is that of every check", () => {
    assert.deepEqual(
      ROWS.map(([check]) => check),
      CHECKS.map(({ id }) => id),
    );
  });

  for (const [id, found, advice, then = healthy()] of ROWS)
    test(`lets it pass: ${id}`, () => {
      const check = CHECKS.find((one) => one.id === id) ?? assert.fail();
      const { verdict, next = check.fix } = check.judge(found);
      assert.notEqual(verdict, "pass");
      assert.match(next, advice);

      const after = check.judge(then);

      // What is lost by a person's word is still told.
      assert.equal(after.verdict, id === "left-out" ? "warn" : "pass", after.message);
    });
});
