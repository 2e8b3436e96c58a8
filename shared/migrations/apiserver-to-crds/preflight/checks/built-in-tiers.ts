import type { TierFact } from "../facts.ts";
import { block, type Check, pass } from "../check.ts";

/** What the native Tier CRD demands of the built-in tiers. (kube-controllers/pkg/controllers/migration, builtInTierRequirements) */
const REQUIRED: Readonly<Record<string, { order: number; defaultAction: string }>> = {
  default: { order: 1_000_000, defaultAction: "Deny" },
  "kube-admin": { order: 1000, defaultAction: "Pass" },
  "kube-baseline": { order: 10_000_000, defaultAction: "Pass" },
};

/** The built-in tiers are as the native CRD demands. */
export const builtInTiers: Check = {
  id: "built-in-tiers",
  title:
    "the tiers default, kube-admin and kube-baseline have the order and default action that the native CRD demands",
  why: "The native Tier CRD refuses any other value, and every policy of the tier waits for it.",
  severity: "blocking",
  fix: "Apply the patches that are named. Look first at what depends on the tier's order: it decides which policies come first.",
  judge: ({ tiers }) => {
    const drifted = tiers.filter(hasDrifted);
    if (drifted.length === 0) return pass("they have");
    const named = drifted.map(
      ({ name, order, defaultAction }) =>
        `${name} (order ${order ?? "unset"}, defaultAction ${defaultAction ?? "unset"})`,
    );
    const items = drifted.map(patchOf);
    return block(`${named.join(", ")} ${drifted.length === 1 ? "differs" : "differ"}`, {
      items,
      next: items.join("; "),
    });
  },
};

/** An unset order is read as 1000000, an unset default action as Deny. (libcalico-go/lib/resources, DefaultTierFields) */
function hasDrifted({ name, order = 1_000_000, defaultAction = "Deny" }: TierFact): boolean {
  const required = REQUIRED[name];
  return required !== undefined && (order !== required.order || defaultAction !== required.defaultAction);
}

function patchOf({ name }: TierFact): string {
  const patch = JSON.stringify({ spec: REQUIRED[name] });
  return `kubectl patch tiers.crd.projectcalico.org ${name} --type=merge -p '${patch}'`;
}
