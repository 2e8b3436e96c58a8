/** The tiers that every Calico component creates when it starts; the source's own settings of them win. */
export const PROTECTED_TIERS: ReadonlySet<string> = new Set(["default", "kube-admin", "kube-baseline"]);
