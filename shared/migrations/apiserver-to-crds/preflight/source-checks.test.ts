import { describe } from "node:test";
import { builtInTiers } from "./checks/built-in-tiers.ts";
import { clusterInformation } from "./checks/cluster-information.ts";
import { kindsConvertible } from "./checks/kinds-convertible.ts";
import { oldGroup } from "./checks/old-group.ts";
import { oldGroupInUse } from "./checks/old-group-in-use.ts";
import { objectsConvertible } from "./checks/objects-convertible.ts";
import { policyNames } from "./checks/policy-names.ts";
import { policyTypes } from "./checks/policy-types.ts";
import { healthy, workload } from "./testing/facts.ts";
import { judged } from "./testing/judged.ts";

const legacyNames = { count: 2, first: ["NetworkPolicy default.a", "GlobalNetworkPolicy default.b"] };

describe("checks of the old group", () => {
  judged(oldGroup, [
    { when: "with its CRDs", facts: healthy(), verdict: "pass" },
    {
      when: "where only native CRDs are",
      facts: healthy({ oldCrds: [] }),
      verdict: "block",
      message: /uses native CRDs already/,
    },
    {
      when: "without Calico",
      facts: healthy({ oldCrds: [], nativeCrds: [] }),
      verdict: "block",
      message: /none of Calico/,
    },
  ]);

  judged(oldGroupInUse, [
    { when: "where nothing says otherwise", facts: healthy(), verdict: "pass" },
    {
      when: "where the old group is named",
      facts: healthy({ workloads: [workload("calico-node", { apiGroup: "crd.projectcalico.org/v1" })] }),
      verdict: "pass",
    },
    {
      when: "where one workload has switched",
      facts: healthy({
        workloads: [workload("calico-node"), workload("calico-typha", { apiGroup: "projectcalico.org/v3" })],
      }),
      verdict: "block",
      message: /CALICO_API_GROUP is projectcalico.org\/v3 on Deployment calico-system\/calico-typha/,
    },
    {
      when: "where Calico uses etcd",
      facts: healthy({ workloads: [workload("calico-node", { datastore: "etcdv3" })] }),
      verdict: "block",
      message: /DATASTORE_TYPE is etcdv3/,
      next: /etcd-to-kubernetes/,
    },
  ]);

  judged(kindsConvertible, [
    { when: "with kinds that are known", facts: healthy(), verdict: "pass" },
    {
      when: "with an unknown kind without objects",
      facts: healthy({ unconverted: [{ plural: "licensekeys", hasObjects: false }] }),
      verdict: "warn",
      items: ["licensekeys.crd.projectcalico.org"],
    },
    {
      when: "with an unknown kind that has objects",
      facts: healthy({
        unconverted: [
          { plural: "licensekeys", hasObjects: false },
          { plural: "remoteclusterconfigurations", hasObjects: true },
        ],
      }),
      verdict: "block",
      message: /remoteclusterconfigurations, which have objects/,
    },
  ]);

  const none = { count: 0, first: [] };
  const broken = { count: 2, first: ["NetworkSet shop/a (metadata.uid is no UUID)", "Tier b (spec)"] };
  judged(objectsConvertible, [
    { when: "where all can be carried", facts: healthy(), verdict: "pass" },
    {
      when: "where some cannot",
      facts: healthy({ conversions: { changed: none, broken } }),
      verdict: "block",
      message: /^2 objects .* NetworkSet shop\/a \(metadata.uid is no UUID\)/,
      items: broken.first,
    },
  ]);

  const changed = { count: 30, first: ["GlobalNetworkPolicy old"] };
  judged(policyTypes, [
    { when: "where all say so", facts: healthy(), verdict: "pass" },
    {
      when: "where some have none",
      facts: healthy({ conversions: { changed, broken: none } }),
      verdict: "warn",
      message: /^30 policies .* GlobalNetworkPolicy old; .*Ingress and Egress/,
      items: changed.first,
    },
  ]);

  judged(clusterInformation, [
    { when: "when it is ready", facts: healthy(), verdict: "pass" },
    {
      when: "when it does not say",
      facts: healthy({ clusterInformation: { ready: undefined } }),
      verdict: "pass",
    },
    {
      when: "without it",
      facts: healthy({ clusterInformation: undefined }),
      verdict: "block",
      next: /Start Calico once/,
    },
    {
      when: "when somebody has locked it",
      facts: healthy({ clusterInformation: { ready: false } }),
      verdict: "block",
      next: /datastoreReady":true/,
    },
    {
      when: "when a run has locked it",
      facts: healthy({ clusterInformation: { ready: false, lockedBy: "run-7" } }),
      verdict: "block",
      message: /run run-7/,
      next: /rollback/,
    },
  ]);

  judged(builtInTiers, [
    { when: "when they are as they must be", facts: healthy(), verdict: "pass" },
    {
      when: "when what the default tier leaves out is read as it must be",
      facts: healthy({ tiers: [{ name: "default", order: undefined, defaultAction: undefined }] }),
      verdict: "pass",
    },
    {
      when: "with tiers of people, whatever they say",
      facts: healthy({ tiers: [{ name: "security", order: 3, defaultAction: "Pass" }] }),
      verdict: "pass",
    },
    {
      when: "when a tier without an order should have another than the default",
      facts: healthy({ tiers: [{ name: "kube-admin", order: undefined, defaultAction: "Pass" }] }),
      verdict: "block",
      message: /kube-admin \(order unset, defaultAction Pass\) differs/,
    },
    {
      when: "with the exact patch of each that has drifted",
      facts: healthy({
        tiers: [
          { name: "default", order: 100, defaultAction: "Deny" },
          { name: "kube-baseline", order: 10_000_000, defaultAction: "Deny" },
        ],
      }),
      verdict: "block",
      message: /default \(order 100, defaultAction Deny\), kube-baseline .* differ/,
      items: [
        `kubectl patch tiers.crd.projectcalico.org default --type=merge -p '{"spec":{"order":1000000,"defaultAction":"Deny"}}'`,
        `kubectl patch tiers.crd.projectcalico.org kube-baseline --type=merge -p '{"spec":{"order":10000000,"defaultAction":"Pass"}}'`,
      ],
    },
  ]);

  judged(policyNames, [
    { when: "with nothing to rename", facts: healthy(), verdict: "pass" },
    {
      when: "with legacy names that nobody changes",
      facts: healthy({ legacyNames, policyNameMigrator: "Disabled" }),
      verdict: "pass",
      message: /2 policies/,
    },
    {
      when: "with legacy names that are being changed",
      facts: healthy({ legacyNames }),
      verdict: "warn",
      message: /among them NetworkPolicy default.a/,
      next: /"policyNameMigrator":"Disabled"/,
    },
  ]);
});
