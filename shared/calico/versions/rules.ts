import type { SelectorReading } from "../selector.ts";
import { type CalicoVersion, compareVersions, versionText } from "./version.ts";

/** How one version of Calico keeps its data, where versions differ. */
export interface VersionRules {
  /**
   * The name that a policy is stored under: `default.` before every name; the tier before the name (`default.` where the
   * name has no part before a dot); or the name as the user gave it.
   */
  readonly policyNames: "default" | "tier" | "given";
  /** What names begin with that are stored as they are. */
  readonly plainNames: readonly string[];
  /** The policies that store the name which the user gave, in the metadata annotation. */
  readonly namedKinds: readonly string[];
  /** Where crd.projectcalico.org/v1 keeps labels and annotations: on the object alone, or in the metadata annotation, and Calico's own on the object as well. */
  readonly labels: "object" | "annotation";
  /** Policies belong to tiers, and bear theirs as a label. */
  readonly tiers: boolean;
  /** Its client writes the tier into policies that name none; later versions leave that to the CRD. */
  readonly writesTier: boolean;
  /** Block affinities are found by labels. */
  readonly affinityLabels: boolean;
  /** How it reads selectors. */
  readonly selectors: SelectorReading;
  /** What its client writes into a pool that does not say it. */
  readonly poolDefaults: Readonly<Record<string, string | readonly string[]>>;
}

/** From a version on, these rules are other than before. */
interface RuleChange {
  readonly since: CalicoVersion;
  readonly rules: Partial<VersionRules>;
  /** Where it was seen. */
  readonly source: string;
}

const since = (major: number, minor: number, patch = 0): CalicoVersion => ({ major, minor, patch });
const RESOURCES = "libcalico-go/lib/backend/k8s/resources/resources.go, ConvertCalicoResourceToK8sResource";
const POLICIES = ["GlobalNetworkPolicy", "NetworkPolicy"];
const ALLOWED_USES = { allowedUses: ["Workload", "Tunnel"] };

const OLDEST: VersionRules = {
  policyNames: "default",
  plainNames: ["knp.", "ossg."],
  namedKinds: [],
  labels: "object",
  tiers: false,
  writesTier: false,
  affinityLabels: false,
  selectors: "lines",
  poolDefaults: {},
};

/** The oldest version whose rules are known. */
export const OLDEST_KNOWN = since(3, 15);

/** The newest version whose rules are known; newer ones are taken for it. */
export const NEWEST_KNOWN = since(3, 34, Infinity);

/** What changed with which version, oldest first. */
export const RULE_CHANGES: readonly RuleChange[] = [
  { since: OLDEST_KNOWN, rules: OLDEST, source: `${RESOURCES}; clientv3/globalnetworkpolicy.go` },
  { since: since(3, 22), rules: { poolDefaults: ALLOWED_USES }, source: "clientv3/ippool.go" },
  { since: since(3, 28), rules: { labels: "annotation" }, source: RESOURCES },
  {
    since: since(3, 29),
    rules: {
      tiers: true,
      writesTier: true,
      policyNames: "tier",
      plainNames: ["knp.default.", "kanp.adminnetworkpolicy.", "kbanp.baselineadminnetworkpolicy.", "ossg."],
    },
    source: "libcalico-go/lib/names/policy.go; clientv3/globalnetworkpolicy.go",
  },
  { since: since(3, 29, 4), rules: { namedKinds: POLICIES }, source: RESOURCES },
  {
    since: since(3, 30),
    rules: {
      namedKinds: [...POLICIES, "StagedGlobalNetworkPolicy", "StagedNetworkPolicy"],
      selectors: "line",
      poolDefaults: { ...ALLOWED_USES, assignmentMode: "Automatic" },
    },
    source: `${RESOURCES}; clientv3/ippool.go; libcalico-go/lib/selector/tokenizer`,
  },
  {
    since: since(3, 31),
    rules: { affinityLabels: true },
    source: "libcalico-go/lib/backend/model, EnsureBlockAffinityLabels",
  },
  {
    since: since(3, 32),
    rules: { policyNames: "given", plainNames: [], writesTier: false },
    source: RESOURCES,
  },
];

/** The rules of a version; those of the oldest or newest known one for versions beyond. */
export function rulesOf(version: CalicoVersion): VersionRules {
  const past = RULE_CHANGES.filter((change) => compareVersions(change.since, version) <= 0);
  return past.reduce((rules, change) => ({ ...rules, ...change.rules }), OLDEST);
}

/** The rules of the newest known version. */
export const NEWEST_RULES = rulesOf(NEWEST_KNOWN);

/** Since which version a kind is kept as a custom resource; kinds that are not named always were. */
export const KIND_SINCE: Readonly<Record<string, CalicoVersion>> = {
  CalicoNodeStatus: since(3, 21),
  IPReservation: since(3, 21),
  BGPFilter: since(3, 26),
  Tier: since(3, 29),
  StagedGlobalNetworkPolicy: since(3, 30),
  StagedNetworkPolicy: since(3, 30),
  StagedKubernetesNetworkPolicy: since(3, 30),
};

/** True when a version of Calico has a kind. */
export function hasKind(version: CalicoVersion, kind: string): boolean {
  const first = KIND_SINCE[kind];
  return first === undefined || compareVersions(first, version) <= 0;
}

/** Why the rules for a version are those of another one; undefined where they are its own. */
export function unknownVersion(version: CalicoVersion): string | undefined {
  if (compareVersions(version, OLDEST_KNOWN) < 0)
    return `${versionText(version)} is older than ${versionText(OLDEST_KNOWN)}, the oldest whose rules are known`;
  if (compareVersions(NEWEST_KNOWN, version) < 0)
    return `${versionText(version)} is newer than ${versionText(NEWEST_KNOWN)}, whose rules are used`;
  return undefined;
}
