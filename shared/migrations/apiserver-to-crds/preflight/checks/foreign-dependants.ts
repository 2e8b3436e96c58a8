import { type Check, pass, warn } from "../check.ts";

/** What is owned by objects of Calico survives that they get other UIDs. */
export const foreignDependants: Check = {
  id: "foreign-dependants",
  title: "owner references to objects of Calico, in objects that are not Calico's, can be carried over",
  why: "Native objects have other UIDs. The garbage collector deletes what is owned by a UID that it cannot find, so these references are taken off before the switch, recorded, and put back with the new UIDs.",
  severity: "warning",
  fix: "Start again with a kubeconfig that may list every resource, or look at the named ones yourself.",
  judge: ({ dependants: { byResource, unread, skip } }) => {
    const items = Object.entries(byResource).map(([resource, count]) => `${count} ${resource}`);
    if (skip && items.length > 0)
      return warn(`${items.join(", ")} would be deleted by the garbage collector after the switch`, {
        items,
        next: "Leave --skip-foreign-owner-references out, or take these owner references off yourself first.",
      });
    const found =
      items.length === 0 ? "there are none" : `references of ${items.join(", ")} will be carried over`;
    if (unread.length === 0) return pass(found, items);
    return warn(`${found}; ${unread.length} resources could not be listed, among them ${unread[0] ?? ""}`, {
      items: unread,
    });
  },
};
