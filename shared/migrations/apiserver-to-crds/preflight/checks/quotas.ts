import { block, type Check, pass } from "../check.ts";

/** No quota stands in the way of the copy. */
export const quotas: Check = {
  id: "quotas",
  title: "the quotas of every namespace have room for the native objects",
  why: "A quota counts native objects in addition to what it has counted of the old group, and refuses the copy half-way.",
  severity: "blocking",
  fix: "Raise the quota until the run has ended: it has to have room for the native objects beside what it counts now.",
  judge: ({ objects: { overQuota } }) =>
    overQuota.count === 0
      ? pass("they have")
      : block(`${overQuota.count} have not: ${overQuota.first[0] ?? "?"}`, { items: overQuota.first }),
};
