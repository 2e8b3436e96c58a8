import type { VersionRules } from "./rules.ts";

/**
 * The name that a version of Calico stores a policy under. With names by tier, one that has no part before a dot, or
 * another than its tier, would not be found by the client, and gets its tier's.
 *
 * @param name - the v3 name: what a user calls the policy
 */
export function storedPolicyName(
  { policyNames, plainNames }: Pick<VersionRules, "policyNames" | "plainNames">,
  name: string,
  tier: string,
): string {
  if (policyNames === "given" || plainNames.some((prefix) => name.startsWith(prefix))) return name;
  if (policyNames === "default") return `default.${name}`;
  return name.startsWith(`${tier}.`) ? name : `${tier}.${name}`;
}

/**
 * The v3 name of a policy that is stored under such a name: what a user has to call it. With names by tier, only one of the
 * default tier may be called without it, and only where no other dot is in its name.
 */
export function shownPolicyName(
  { policyNames }: Pick<VersionRules, "policyNames">,
  name: string,
  stored: string,
): string {
  if (policyNames !== "tier") return name;
  return stored === `default.${name}` && !name.includes(".") ? name : stored;
}
