import { type Check, pass, warn } from "../check.ts";

/** People know which policies are enforced for more than their rules say. */
export const policyTypes: Check = {
  id: "policy-types",
  title: "every policy says whether it applies to ingress, egress or both",
  why: "Felix enforces a policy without `spec.types` for both directions, whatever rules it has: what no rule allows is denied. Native objects get types from Calico's admission policy, which goes by the rules alone. So that nothing is enforced otherwise than before, the copies of these policies say Ingress and Egress.",
  severity: "warning",
  fix: "Nothing needs to be done. Where only the direction of the rules is meant, set spec.types now, knowing that the other direction is no longer denied then.",
  judge: ({ conversions: { changed } }) => {
    if (changed.count === 0) return pass("all do");
    const first = changed.first[0] ?? "?";
    return warn(
      `${changed.count} policies do not, among them ${first}; their native objects will say Ingress and Egress`,
      {
        items: changed.first,
      },
    );
  },
};
