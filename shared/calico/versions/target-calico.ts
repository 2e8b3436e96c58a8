import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../json.ts";
import { NEWEST_RULES, type VersionRules } from "./rules.ts";

/** What the Calico of the target knows: by its version, and by the CRDs that it has. */
export interface TargetCalico {
  readonly rules: VersionRules;
  /** Kinds without a CRD: their resources have no place. */
  readonly missingKinds: ReadonlySet<string>;
  /** By kind, paths that its CRD has no field for, such as `spec.ports[].name`. */
  readonly missingFields: ReadonlyMap<string, readonly string[]>;
}

/** The newest Calico, with everything that it has. */
export const NEWEST_CALICO: TargetCalico = {
  rules: NEWEST_RULES,
  missingKinds: new Set(),
  missingFields: new Map(),
};

/**
 * Kinds of settings and of IPAM's bookkeeping: a field that Calico does not have does nothing there. A policy or a pool
 * without one would mean something else.
 */
const SETTINGS = new Set([
  "BGPConfiguration",
  "BGPPeer",
  "FelixConfiguration",
  "IPAMBlock",
  "IPAMConfig",
  "IPAMHandle",
  "KubeControllersConfiguration",
]);

/** Values that say what their absence says to a Calico without the field, by kind and path; undefined for any value. */
const SAYS_NOTHING: Readonly<Record<string, Readonly<Record<string, Json | undefined>>>> = {
  IPPool: { "spec.allowedUses": ["Workload", "Tunnel"], "spec.assignmentMode": "Automatic" },
  BlockAffinity: { "spec.type": "host" },
  IPAMBlock: {
    "spec.affinityClaimTime": undefined,
    "spec.sequenceNumber": undefined,
    "spec.sequenceNumberForAllocation": undefined,
  },
  IPAMHandle: { "spec.deleted": false },
  BGPConfiguration: { "spec.serviceLoadBalancerAggregation": "Enabled" },
  FelixConfiguration: {
    "spec.bpfConnectTimeLoadBalancing": "TCP",
    "spec.bpfHostNetworkedNATWithoutCTLB": "Enabled",
    "spec.floatingIPs": "Disabled",
    "spec.nftablesMode": "Auto",
  },
  KubeControllersConfiguration: { "spec.healthChecks": "Enabled" },
  ...Object.fromEntries(
    ["GlobalNetworkPolicy", "NetworkPolicy"].map((kind) => [kind, { "spec.tier": "default" }]),
  ),
};

/** The paths that a conversion leaves out where the CRD lacks them, by kind. */
export const OPTIONAL_FIELDS: readonly (readonly [kind: string, paths: readonly string[]])[] = Object.entries(
  SAYS_NOTHING,
).map(([kind, paths]) => [kind, Object.keys(paths)]);

/**
 * Takes fields that the target's CRD does not have out of an object, in place: those that say what their absence says, and
 * those of settings. Others stay, for the schema to refuse.
 *
 * @returns what is lost by it, a clause for each.
 */
export function leaveOutMissingFields(
  kind: string,
  object: JsonObject,
  { missingFields }: TargetCalico,
): string[] {
  const lost = new Set<string>();
  for (const path of missingFields.get(kind) ?? []) {
    forEachAt(object, path.split("."), (holder, member) => {
      const value = holder[member];
      const silent = value === undefined || saysNothing(kind, path, value);
      if (!silent && !SETTINGS.has(kind)) return;
      Reflect.deleteProperty(holder, member);
      if (!silent) lost.add(`${path}: the target's Calico has no such field`);
    });
  }
  return [...lost];
}

/** Puts what `leaveOutMissingFields` has taken from a value back into a newer one, where that is silent: in place. */
export function keepMissingFields(
  kind: string,
  value: JsonObject,
  from: JsonObject,
  { missingFields }: TargetCalico,
): void {
  // Which item of a list is which cannot be told.
  const paths = (missingFields.get(kind) ?? []).filter((path) => !path.includes("[]"));
  for (const path of paths) {
    forEachAt(from, path.split("."), (holder, member) => {
      const kept = holder[member];
      if (kept === undefined) return;
      forEachAt(value, path.split("."), (target) => {
        target[member] ??= kept;
      });
    });
  }
}

/** The paths of an object without the indexes of its lists: `spec.ports[3].name` is `spec.ports[].name`. */
export function withoutIndexes(path: string): string {
  return path.replace(/\[\d+\]/g, "[]");
}

function saysNothing(kind: string, path: string, value: Json): boolean {
  const silent = SAYS_NOTHING[kind];
  if (silent !== undefined && path in silent) {
    const same = silent[path];
    if (same === undefined || canonicalJson(same) === canonicalJson(value)) return true;
  }
  return value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

/** Calls `visit` with every object that holds the last member of a path. */
function forEachAt(
  value: Json | undefined,
  [member = "", ...rest]: readonly string[],
  visit: (holder: JsonObject, member: string) => void,
): void {
  if (!isJsonObject(value)) return;
  if (rest.length === 0) {
    visit(value, member);
    return;
  }
  const name = member.replace(/(\[\])+$/, "");
  for (const item of itemsOf(value[name], member.length - name.length)) forEachAt(item, rest, visit);
}

/** A value, or what its lists hold, `depth` brackets deep. */
function itemsOf(value: Json | undefined, depth: number): (Json | undefined)[] {
  if (depth === 0) return [value];
  return Array.isArray(value) ? value.flatMap((item) => itemsOf(item, depth - 2)) : [];
}
