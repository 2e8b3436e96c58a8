/**
 * The tiers that Calico's components create when they start, under the names of 3.29 to 3.31 and of later versions; the
 * source's own settings of them win.
 */
export const PROTECTED_TIERS: ReadonlySet<string> = new Set([
  "default",
  "adminnetworkpolicy",
  "baselineadminnetworkpolicy",
  "kube-admin",
  "kube-baseline",
]);

/** True for what Calico itself makes in a Kubernetes datastore: built-in tiers, and policies derived from Kubernetes' own. */
export function isBuiltIn(kind: string, name: string): boolean {
  if (kind === "Tier") return PROTECTED_TIERS.has(name);
  return kind === "NetworkPolicy" && name.startsWith("knp.default.");
}
