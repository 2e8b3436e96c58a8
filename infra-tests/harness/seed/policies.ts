import type { JsonObject } from "../../../shared/json.ts";
import { range, resource, type SeedEntry } from "./entries.ts";
import type { SeedPlan } from "./plan.ts";
import { Random } from "./random.ts";

// Tiers, policies in all of them, and network sets.

interface SeedTier {
  name: string;
  order: number;
  defaultAction: "Pass" | "Deny";
}

// The first three are Calico's own, with the values that it creates them with.
const TIERS: readonly [SeedTier, ...SeedTier[]] = [
  { name: "default", order: 1_000_000, defaultAction: "Deny" },
  { name: "kube-admin", order: 1_000, defaultAction: "Pass" },
  { name: "kube-baseline", order: 10_000_000, defaultAction: "Pass" },
  { name: "security", order: 100, defaultAction: "Pass" },
  { name: "platform", order: 200, defaultAction: "Pass" },
  { name: "application", order: 300, defaultAction: "Deny" },
];

/** How many tiers there are, whatever the size. */
export const TIER_COUNT = TIERS.length;

const APPS = ["frontend", "backend", "payments", "search", "cache", "queue", "audit", "reports"] as const;
const PORTS: readonly [number | string, ...(number | string)[]] = [80, 443, 5432, 6379, "8080:8090", "http"];

/** Tiers, policies, staged policies and sets. */
export function* policyEntries(plan: SeedPlan): Generator<SeedEntry> {
  for (const { name, ...spec } of TIERS) yield resource({ kind: "Tier", plural: "tiers", name, spec });
  for (const index of range(plan.globalPolicies)) yield policy("GlobalNetworkPolicy", index, plan);
  for (const index of range(plan.networkPolicies)) yield policy("NetworkPolicy", index, plan);
  for (const index of range(plan.stagedGlobalPolicies))
    yield policy("StagedGlobalNetworkPolicy", index, plan);
  for (const index of range(plan.stagedPolicies)) yield policy("StagedNetworkPolicy", index, plan);
  for (const index of range(plan.stagedKubernetesPolicies)) yield stagedKubernetesPolicy(index, plan);
  for (const index of range(plan.networkSets)) yield networkSet("NetworkSet", index, plan);
  for (const index of range(plan.globalNetworkSets)) yield networkSet("GlobalNetworkSet", index, plan);
}

const PLURALS = {
  GlobalNetworkPolicy: "globalnetworkpolicies",
  NetworkPolicy: "networkpolicies",
  StagedGlobalNetworkPolicy: "stagedglobalnetworkpolicies",
  StagedNetworkPolicy: "stagednetworkpolicies",
} as const;

function policy(kind: keyof typeof PLURALS, index: number, plan: SeedPlan): SeedEntry {
  const random = new Random(kind, index);
  const tier = random.chance(0.5) ? TIERS[0] : random.pick(TIERS);
  const app = random.pick(APPS);
  const global = kind.endsWith("GlobalNetworkPolicy");
  const egress = random.chance(0.4);
  return resource({
    kind,
    plural: PLURALS[kind],
    ...(global ? {} : { namespace: namespaceOf(index, plan) }),
    name: storedName(tier.name, `${app}-${String(index).padStart(5, "0")}`, random),
    labels: { "projectcalico.org/tier": tier.name, app },
    ...(random.chance(0.2) ? { annotations: { "example.com/ticket": `NET-${random.below(10_000)}` } } : {}),
    spec: {
      tier: tier.name,
      order: random.below(2_000) / 2,
      selector: `app == '${app}'`,
      types: egress ? ["Ingress", "Egress"] : ["Ingress"],
      ingress: Array.from(range(1 + random.below(3)), () => rule(random, "source")),
      ...(egress ? { egress: [rule(random, "destination"), { action: "Pass" }] } : {}),
      ...(global && random.chance(0.3) ? { namespaceSelector: "has(team)" } : {}),
      ...(kind.startsWith("Staged") ? { stagedAction: "Set" } : {}),
    },
  });
}

// Names of the default tier were stored with their tier before 3.32, and are without it since.
function storedName(tier: string, name: string, random: Random): string {
  return tier === "default" && random.chance(0.5) ? name : `${tier}.${name}`;
}

function rule(random: Random, peer: "source" | "destination"): JsonObject {
  const what: JsonObject = random.chance(0.5)
    ? { selector: `app == '${random.pick(APPS)}'`, namespaceSelector: "all()" }
    : { nets: [`10.${random.below(256)}.${random.below(256)}.0/24`, `172.16.${random.below(256)}.0/24`] };
  const ports = [random.pick(PORTS), 9_000 + random.below(1_000)];
  return {
    action: random.pick(["Allow", "Deny", "Log"]),
    protocol: random.pick(["TCP", "UDP"]),
    ...(peer === "source"
      ? { source: what, destination: { ports } }
      : { source: {}, destination: { ...what, ports } }),
  };
}

function stagedKubernetesPolicy(index: number, plan: SeedPlan): SeedEntry {
  const random = new Random("staged-kubernetes", index);
  const podSelector = { matchLabels: { app: random.pick(APPS) } };
  return resource({
    kind: "StagedKubernetesNetworkPolicy",
    plural: "stagedkubernetesnetworkpolicies",
    namespace: namespaceOf(index, plan),
    name: `proposal-${String(index).padStart(5, "0")}`,
    spec: {
      stagedAction: "Set",
      podSelector,
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector }], ports: [{ protocol: "TCP", port: 8_000 + random.below(1_000) }] }],
    },
  });
}

function networkSet(kind: "NetworkSet" | "GlobalNetworkSet", index: number, plan: SeedPlan): SeedEntry {
  const random = new Random(kind, index);
  return resource({
    kind,
    plural: `${kind.toLowerCase()}s`,
    ...(kind === "NetworkSet" ? { namespace: namespaceOf(index, plan) } : {}),
    name: `set-${String(index).padStart(5, "0")}`,
    labels: { feed: random.pick(["partners", "blocklist", "offices"]) },
    spec: {
      nets: Array.from(
        range(2 + random.below(6)),
        (net) => `10.${random.below(256)}.${random.below(256)}.${net}/32`,
      ),
    },
  });
}

function namespaceOf(index: number, { namespaces }: SeedPlan): string {
  return namespaces[index % namespaces.length] ?? "default";
}
