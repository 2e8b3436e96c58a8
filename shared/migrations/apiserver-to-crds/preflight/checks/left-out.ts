import { block, type Check, pass, warn } from "../check.ts";

/** What is left out is known. */
export const leftOut: Check = {
  id: "left-out",
  title: "what is to be left out is there, and no more is lost than that",
  why: "What is left out stays in the old group, is in force nowhere after the unlock, and is deleted with the old group at the cleanup; the backup has it. A native object that has its name already is not overwritten, and acts after the unlock.",
  severity: "blocking",
  fix: "Start again with --skip and the name that `kubectl get RESOURCE.crd.projectcalico.org` shows, as Kind/namespace/name.",
  judge: ({ objects: { leftOut: found, leftOutMissing } }) => {
    if (leftOutMissing.length > 0)
      return block(`the old group has no ${leftOutMissing[0] ?? "?"}, which --skip names`, {
        items: leftOutMissing,
      });
    if (found.count === 0) return pass("nothing is left out");
    return warn(`${found.count} objects are left out, as --skip says: ${found.first[0] ?? ""}`, {
      items: found.first,
      next: "Approve their loss, as `uncarried`, when the run asks before the lock; or start without --skip.",
    });
  },
};
