import { PROTECTED_TIERS } from "../../../../calico/built-in.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";

/** What resources refer to is there. */
export const referencesResolve: ResourceCheck = {
  id: "references-resolve",
  title: "the tiers that policies name, and the filters that BGP peers name, are there",
  severity: "warning",
  fix: "They are copied as they are, and mean as little as before; create what they name, or delete them.",
  phase: "resources",
  run: (inventory) => {
    const tiers = inventory.tiersUsed.filter(
      (tier) => !inventory.tiers.includes(tier) && !PROTECTED_TIERS.has(tier),
    );
    const filters = inventory.filtersUsed.filter((filter) => !inventory.filters.includes(filter));
    const missing = [
      ...tiers.map((tier) => `tier ${tier}`),
      ...filters.map((filter) => `BGP filter ${filter}`),
    ];
    if (missing.length === 0) return Promise.resolve(pass("all are"));
    return Promise.resolve(fail(`${missing.join(", ")} are named and not there`, missing));
  },
};
