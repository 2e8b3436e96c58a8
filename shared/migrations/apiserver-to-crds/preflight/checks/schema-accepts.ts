import { block, type Check, pass } from "../check.ts";

/** No schema stands in the way of the copy. */
export const schemaAccepts: Check = {
  id: "schema-accepts",
  title: "the native CRDs accept every object, and it is not too large for etcd",
  why: "The native CRDs are stricter than the old ones, which have no schema for most fields: what they refuse, or have no field for, cannot be copied.",
  severity: "blocking",
  fix: "Mend what is named with kubectl edit RESOURCE.crd.projectcalico.org NAME, as each reason says; or leave objects out by name with --skip, of `start`, or of `resume` where the run has begun: a loss to approve.",
  judge: ({ objects: { refused } }) =>
    refused.count === 0
      ? pass("they do")
      : block(`${refused.count} objects would be refused, among them ${refused.first[0] ?? "?"}`, {
          items: refused.first,
        }),
};
