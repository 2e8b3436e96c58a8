import { uncarried } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { listedProblems } from "../listed.ts";

/** All that is not carried is named. */
export const allCarried: ResourceCheck = {
  id: "all-carried",
  title: "everything in etcd has a place in the Kubernetes datastore",
  severity: "consent",
  subject: "uncarried",
  fix: "Look at each one that is named; approve `uncarried` to accept their loss (`start --approve-uncarried` does it ahead).",
  phase: "resources",
  run: async (inventory, context) => {
    const count = inventory.consents["uncarried"] ?? 0;
    if (count === 0) return pass("it has");
    const matches = ({ detail }: { detail: Record<string, unknown> }): boolean =>
      detail["subject"] === "uncarried";
    const items = await listedProblems(context, uncarried(context), matches);
    return fail(`${count} have none: ${items[0] ?? ""}`, items, count);
  },
};
