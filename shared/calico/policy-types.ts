import type { Json, JsonObject } from "../json.ts";

/** The kinds of policy that Felix enforces; of staged ones only what they would do once enforced counts. */
const ENFORCED: ReadonlySet<string> = new Set(["GlobalNetworkPolicy", "NetworkPolicy"]);

/**
 * The types of a policy of Calico's: its own, or those that it has in effect without any. Empty lists count as absent, as they
 * do once Calico has read and written them.
 *
 * Felix enforces a policy without types in both directions (felix/calc, ExtractPolicyMetadata), but for egress none that
 * applies before DNAT (felix/calc, tierInfoToProtoTierInfo), and these must not have the type (GlobalNetworkPolicySpec).
 * Calico's defaults go by the rules instead (api/pkg/defaults): with these, a policy with rules for one direction would no
 * longer deny the other. Staged policies, which nothing enforces, get them.
 */
export function policyTypes(kind: string, spec: JsonObject): readonly Json[] {
  if (isFilled(spec.types)) return spec.types;
  if (ENFORCED.has(kind)) return spec.preDNAT === true ? ["Ingress"] : ["Ingress", "Egress"];
  return typesByRules(spec);
}

/** True where the policy is enforced by other types than Calico's defaults would write into it. */
export function isNarrowedByDefaults(kind: string, spec: JsonObject): boolean {
  return policyTypes(kind, spec).length > typesByRules(spec).length && !isFilled(spec.types);
}

/** The types that Calico's client writes into a policy that has none. (api/pkg/defaults) */
export function typesByRules({ ingress, egress }: JsonObject): readonly Json[] {
  if (!isFilled(egress)) return ["Ingress"];
  return isFilled(ingress) ? ["Ingress", "Egress"] : ["Egress"];
}

/** True for a list that says something. */
export function isFilled(value: Json | undefined): value is Json[] {
  return Array.isArray(value) && value.length > 0;
}
