import { respelled } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { listedProblems } from "../listed.ts";

/** What the target's CRDs take in one spelling only is spelt so. */
export const spelling: ResourceCheck = {
  id: "spelling",
  title: "lists of distinct items have none twice, and networks are written as networks",
  severity: "warning",
  fix: "Nothing: repetitions are left out, and an address becomes the network of that address, which means the same to Calico.",
  phase: "resources",
  run: async ({ respelled: count }, context) => {
    if (count === 0) return pass("all are spelt as the target's CRDs take them");
    const items = await listedProblems(context, respelled(context), () => true);
    return fail(`${count} are spelt in another way in the target: ${items[0] ?? ""}`, items, count);
  },
};
