import { type Check, pass, warn } from "../check.ts";
import type { Listed } from "../facts.ts";

const NAMED = 5;

/** Nothing keeps the old group's objects from being deleted at the end. */
export const finalizers: Check = {
  id: "finalizers",
  title: "no object of the old group is being deleted, or has finalizers of its own",
  why: "The cleanup deletes the old CRDs, which stay until the last of their objects is gone, and an object stays until whoever has set its finalizers takes them off. An object that is being deleted is not copied, so that it does not live on.",
  severity: "warning",
  fix: "See who has set the finalizers (`kubectl get RESOURCE.crd.projectcalico.org NAME -o yaml`) and have them taken off before the cleanup; let deletions end before the migration starts, or approve `uncarried` when the run asks before the lock.",
  judge: ({ held, deleting }) => {
    if (held.count + deleting.count === 0) return pass("there is none");
    const items = [...deleting.first, ...held.first];
    const messages = [told(deleting, "being deleted"), told(held, "with finalizers of their own")];
    return warn(messages.filter((message) => message !== "").join("; "), { items });
  },
};

function told({ count, first }: Listed, what: string): string {
  if (count === 0) return "";
  const more = count > NAMED ? `, and ${count - NAMED} more` : "";
  return `${count} ${what}: ${first.slice(0, NAMED).join(", ")}${more}`;
}
