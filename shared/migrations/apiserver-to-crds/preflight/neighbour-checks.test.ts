import { describe } from "node:test";
import { access } from "./checks/access.ts";
import { aggregatedApi } from "./checks/aggregated-api.ts";
import { apiServerDuties } from "./checks/api-server-duties.ts";
import { componentAccess } from "./checks/component-access.ts";
import { foreignDependants } from "./checks/foreign-dependants.ts";
import { gitops } from "./checks/gitops.ts";
import { nativeWriters } from "./checks/native-writers.ts";
import { upstreamMigration } from "./checks/upstream-migration.ts";
import { webhooks } from "./checks/webhooks.ts";
import type { Facts, WebhookFact } from "./facts.ts";
import { byOperator, healthy, workload } from "./testing/facts.ts";
import { judged } from "./testing/judged.ts";

const unread = { unread: "clusterroles is forbidden" };
const lacking = [{ account: "kube-system/calico-node", missing: ["update ipamblocks", "list tiers"] }];
const evidence = { examples: ["names a CRD"], count: 1 };

const webhook: WebhookFact = {
  configuration: "policy-guard",
  name: "guard.example.org",
  guardsClusterInformation: false,
  guardsTiers: false,
  failsClosed: true,
  service: "guard/guard",
  reachable: true,
};

function tools(mode: Facts["gitops"]["mode"], rest: { here?: boolean; away?: boolean }): Facts {
  const manager = {
    ...{
      tool: "argocd" as const,
      kind: "Application",
      apiVersion: "argoproj.io/v1alpha1",
      plural: "applications",
    },
    ...{ namespace: "argocd", name: "calico", uid: "1", evidence },
  };
  const away = { tool: "fleet" as const, name: "Bundle fleet/calico", evidence };
  const managers = rest.here === true ? [manager] : [];
  return healthy({ gitops: { mode, managers, elsewhere: rest.away === true ? [away] : [] } });
}

describe("checks of who else is there", () => {
  judged(upstreamMigration, [
    { when: "without one", facts: healthy(), verdict: "pass" },
    {
      when: "with one that is under way",
      facts: healthy({ migrations: [{ name: "v1-to-v3", phase: "Migrating" }] }),
      verdict: "block",
      message: /v1-to-v3 \(phase Migrating\)$/,
      next: /does not supervise/,
    },
    {
      when: "with one that has no phase yet, and names what its controller gets wrong",
      facts: healthy({
        migrations: [{ name: "v1-to-v3", phase: "" }],
        workloads: [
          workload("calico-node", {
            images: [{ container: "calico-node", image: "calico/node:v3.32.1", version: "v3.32.1" }],
          }),
        ],
      }),
      verdict: "block",
      message: /phase Pending.*Calico v3\.32\.1's controller: .*#13449/,
    },
  ]);

  judged(access, [
    { when: "with all rights", facts: healthy(), verdict: "pass", message: /all 10/ },
    {
      when: "without some",
      facts: healthy({
        access: {
          asked: 10,
          denied: [
            {
              group: "projectcalico.org",
              resource: "tiers",
              subresource: "status",
              verb: "update",
              reason: "",
            },
            { group: "", resource: "pods", verb: "list", namespace: "a", name: "b", reason: "" },
          ],
        },
      }),
      verdict: "block",
      items: ["update tiers/status.projectcalico.org", "list pods b in a"],
    },
  ]);

  judged(componentAccess, [
    {
      when: "when all accounts may",
      facts: healthy(),
      verdict: "pass",
      message: /calico-system\/calico-node/,
    },
    {
      when: "when one may not",
      facts: healthy({ accounts: lacking }),
      verdict: "block",
      message: /kube-system\/calico-node may not update ipamblocks, list tiers/,
    },
    {
      when: "when the operator will see to it",
      facts: byOperator("v1.44.0", { accounts: lacking }),
      verdict: "warn",
      next: /The operator writes/,
    },
  ]);

  judged(apiServerDuties, [
    {
      when: "when policies of ours take over",
      facts: healthy(),
      verdict: "pass",
      message: /admission policies/,
    },
    {
      when: "by the operator",
      facts: byOperator("v1.44.0", { guards: "none" }),
      verdict: "pass",
      message: /calico-webhooks/,
    },
    {
      when: "when Calico's webhook is there",
      facts: healthy({ guards: "none", webhooks: [{ ...webhook, guardsTiers: true }] }),
      verdict: "pass",
    },
    {
      when: "when nothing takes over",
      facts: healthy({ guards: "none", webhooks: [webhook] }),
      verdict: "warn",
      message: /nothing takes over rights by tier/,
      next: /unguarded/,
    },
  ]);

  const broken = { ...healthy().apiService, available: false, message: "no endpoints" };
  judged(aggregatedApi, [
    { when: "when it answers", facts: healthy(), verdict: "pass", message: /calico-apiserver\/calico-api/ },
    {
      when: "when it does not answer, with a way on without it",
      facts: healthy({ apiService: broken, admissionPolicies: [] }),
      verdict: "warn",
      message: /does not serve it: no endpoints\. The migration does without/,
    },
    {
      when: "when it does not answer, and admission policies of Calico would refuse every policy",
      facts: healthy({ apiService: broken }),
      verdict: "block",
      message: /no policy can be written/,
      next: /delete these admission policies/,
      items: ["tierlabel"],
    },
    {
      when: "without it",
      facts: healthy({ apiService: { ...healthy().apiService, served: "absent", object: undefined } }),
      verdict: "warn",
      message: /no APIService/,
    },
    {
      when: "when CRDs serve the group",
      facts: healthy({ apiService: { ...healthy().apiService, served: "automanaged" } }),
      verdict: "warn",
      message: /served by CRDs/,
    },
  ]);

  judged(gitops, [
    { when: "without any tool", facts: tools("refuse", {}), verdict: "pass", message: /none does/ },
    {
      when: "when it will be paused",
      facts: tools("pause", { here: true }),
      verdict: "pass",
      items: ["Application argocd/calico (argocd): names a CRD"],
    },
    {
      when: "when it cannot be paused from here",
      facts: tools("pause", { here: true, away: true }),
      verdict: "warn",
      message: /^Bundle fleet\/calico \(fleet\) cannot be paused/,
      next: /Pause it where it runs/,
    },
    { when: "when it must not be there", facts: tools("refuse", { here: true }), verdict: "block" },
    {
      when: "when it must not be there, wherever it runs",
      facts: tools("refuse", { away: true }),
      verdict: "block",
      next: /--gitops=pause/,
    },
    {
      when: "when it is left alone",
      facts: tools("ignore", { here: true }),
      verdict: "warn",
      message: /left alone/,
    },
  ]);

  judged(webhooks, [
    { when: "without any", facts: healthy(), verdict: "pass" },
    {
      when: "when nobody may say",
      facts: healthy({ webhooks: unread }),
      verdict: "warn",
      message: /forbidden/,
    },
    {
      when: "with one that answers",
      facts: healthy({ webhooks: [webhook] }),
      verdict: "warn",
      items: ["policy-guard (guard.example.org)"],
    },
    {
      when: "with one that cannot answer, and may fail",
      facts: healthy({ webhooks: [{ ...webhook, reachable: false, failsClosed: false }] }),
      verdict: "warn",
    },
    {
      when: "with one that cannot answer",
      facts: healthy({ webhooks: [{ ...webhook, reachable: false }] }),
      verdict: "block",
      message: /guard\/guard does not exist/,
    },
    {
      when: "with one that guards ClusterInformation",
      facts: healthy({
        webhooks: [webhook, { ...webhook, guardsClusterInformation: true, failsClosed: false }],
      }),
      verdict: "block",
      message: /judges writes to ClusterInformation/,
      items: ["policy-guard (guard.example.org)"],
    },
  ]);

  judged(nativeWriters, [
    { when: "without any", facts: healthy(), verdict: "pass" },
    { when: "when nobody may say", facts: healthy({ writers: unread }), verdict: "warn" },
    {
      when: "with some, naming them",
      facts: healthy({
        writers: [
          { subject: "Group devs", role: "ClusterRole policies", namespace: undefined },
          { subject: "User ann", role: "Role nets", namespace: "shop" },
        ],
      }),
      verdict: "warn",
      message: /^Group devs \(ClusterRole policies\), User ann \(Role nets\) in shop may$/,
    },
    {
      when: "with many, naming the first",
      facts: healthy({
        writers: Array.from({ length: 7 }, (_, at) => ({
          subject: `User u${at}`,
          role: "r",
          namespace: undefined,
        })),
      }),
      verdict: "warn",
      message: /and 2 more may$/,
    },
  ]);

  judged(foreignDependants, [
    { when: "without any", facts: healthy(), verdict: "pass", message: /there are none/ },
    {
      when: "with some that are carried over",
      facts: healthy({ dependants: { byResource: { configmaps: 3 }, unread: [], skip: false } }),
      verdict: "pass",
      items: ["3 configmaps"],
    },
    {
      when: "with some that nobody carries over",
      facts: healthy({ dependants: { byResource: { configmaps: 3 }, unread: [], skip: true } }),
      verdict: "warn",
      message: /3 configmaps would be deleted/,
    },
    {
      when: "when some resources cannot be listed",
      facts: healthy({
        dependants: { byResource: {}, unread: ["metrics.k8s.io/v1beta1: down"], skip: false },
      }),
      verdict: "warn",
      message: /1 resources could not be listed, among them metrics/,
    },
  ]);
});
