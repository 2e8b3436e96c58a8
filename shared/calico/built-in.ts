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
