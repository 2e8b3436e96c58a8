import type { Json } from "../json.ts";
import { parseCidr } from "./cidr.ts";
import { invalid } from "./forwarded.ts";
import { DEFAULT_TIER, tierOf } from "./names.ts";
import type { Draft } from "./node-references.ts";
import { policyTypes } from "./policy-types.ts";
import { textAt } from "./stored-value.ts";
import { NEWEST_RULES, type VersionRules } from "./versions/rules.ts";

/** The label by which policies are found by tier. */
export const TIER_LABEL = "projectcalico.org/tier";

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

function fill(draft: Draft, member: string, value: Json): void {
  if (isEmpty(draft.spec[member])) draft.spec[member] = value;
}

/** The types by which it is enforced; its tier, and the label of it. (api/pkg/defaults; clientv3, List) */
function defaultPolicy(draft: Draft, { tiers, writesTier }: VersionRules): void {
  draft.spec.types = [...policyTypes(draft.kind, draft.spec)];
  if (!tiers) return;
  if (writesTier) fill(draft, "tier", DEFAULT_TIER);
  draft.labels = { ...draft.labels, [TIER_LABEL]: tierOf(draft.spec) };
}

/** (libcalico-go/lib/resources, DefaultTierFields) */
function defaultTier(draft: Draft): void {
  fill(draft, "order", 1_000_000);
  fill(draft, "defaultAction", "Deny");
}

/** (libcalico-go/lib/clientv3, ipPools.validateAndSetDefaults) */
function defaultPool(draft: Draft, { poolDefaults }: VersionRules): void {
  const cidr = parseCidr(textAt(draft.spec.cidr, "spec.cidr") ?? "");
  if (cidr === undefined) throw invalid("CIDR_INVALID", "spec.cidr is not a network");
  if (!cidr.strict) throw invalid("CIDR_INVALID", "spec.cidr has bits set behind its prefix");
  draft.spec.cidr = cidr.text;
  if (draft.spec.blockSize === 0) delete draft.spec.blockSize;
  fill(draft, "blockSize", cidr.version === 4 ? 26 : 122);
  fill(draft, "nodeSelector", "all()");
  fill(draft, "ipipMode", "Never");
  fill(draft, "vxlanMode", "Never");
  for (const [member, value] of Object.entries(poolDefaults))
    fill(draft, member, typeof value === "string" ? value : [...value]);
}

const FELIX_ACTIONS = [
  "defaultEndpointToHostAction",
  "iptablesFilterAllowAction",
  "iptablesMangleAllowAction",
  "iptablesFilterDenyAction",
];

/** Earlier versions stored these actions in any case. (calicoctl/…/datastore/migrate, ConvertIptablesFields) */
function defaultFelix(draft: Draft): void {
  for (const member of FELIX_ACTIONS) {
    const action = textAt(draft.spec[member], `spec.${member}`);
    if (action !== undefined)
      draft.spec[member] = action.slice(0, 1).toUpperCase() + action.slice(1).toLowerCase();
  }
}

/** The Kubernetes datastore is named in the cluster's types, and starts out locked. (clientv3, ensureClusterInformation) */
function defaultClusterInformation(draft: Draft): void {
  const types = (textAt(draft.spec.clusterType, "spec.clusterType") ?? "")
    .split(",")
    .filter((type) => type !== "");
  draft.spec.clusterType = (types.includes("kdd") ? types : [...types, "kdd"]).join(",");
  draft.spec.datastoreReady = false;
}

const DEFAULTS: Readonly<Record<string, (draft: Draft, rules: VersionRules) => void>> = {
  ClusterInformation: defaultClusterInformation,
  FelixConfiguration: defaultFelix,
  GlobalNetworkPolicy: defaultPolicy,
  IPPool: defaultPool,
  NetworkPolicy: defaultPolicy,
  StagedGlobalNetworkPolicy: defaultPolicy,
  StagedNetworkPolicy: defaultPolicy,
  Tier: defaultTier,
};

/**
 * Fills in, in place, what a version of Calico's own client fills in when it writes a v3 resource, and what it reads in
 * another spelling; the types of a policy without any are those by which it is enforced. Refuses values that the client would refuse.
 */
export function applyDefaults(draft: Draft, rules: VersionRules = NEWEST_RULES): void {
  DEFAULTS[draft.kind]?.(draft, rules);
}
