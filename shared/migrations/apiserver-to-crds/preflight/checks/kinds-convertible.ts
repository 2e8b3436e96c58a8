import { block, type Check, pass, warn } from "../check.ts";

/** Nothing in the old group is left behind. */
export const kindsConvertible: Check = {
  id: "kinds-convertible",
  title: "every kind in the old group has a converter",
  why: "The cleanup deletes all CRDs of the old group with all of their objects, also of kinds that were not copied.",
  severity: "blocking",
  fix: "Upgrade this program to a version that knows these kinds, or save their objects with kubectl and delete the CRDs.",
  judge: ({ unconverted }) => {
    const named = unconverted.map(({ plural }) => `${plural}.crd.projectcalico.org`);
    const used = unconverted.filter(({ hasObjects }) => hasObjects).map(({ plural }) => plural);
    if (used.length > 0)
      return block(`no converter is known for ${used.join(", ")}, which have objects`, { items: named });
    if (named.length > 0)
      return warn(`no converter is known for ${named.join(", ")}; they have no objects`, { items: named });
    return pass("all have");
  },
};
