import { rightText } from "../../../preflight/right-text.ts";
import { block, type Check, pass, type Verdict } from "../check.ts";
import type { Facts } from "../facts.ts";

/** The identity in use may do all that the stages do. */
export const access: Check = {
  id: "access",
  title: "the Kubernetes user may do everything that the migration does",
  why: "A right that is missing would be noticed half-way, with the datastore locked.",
  severity: "blocking",
  fix: "Grant these rights, which `calico-migrator rbac` prints as roles, then `resume`; or start again with a kubeconfig that has them.",
  judge: ({ access }) => judgeAccess(access),
};

/** The verdict, for when nothing but the rights is known. */
export function judgeAccess({ asked, denied }: Facts["access"]): Verdict {
  if (denied.length === 0) return pass(`all ${asked} rights are there`);
  const items = denied.map(rightText);
  return block(`${items.length} rights are missing, among them: ${items[0] ?? ""}`, { items });
}
