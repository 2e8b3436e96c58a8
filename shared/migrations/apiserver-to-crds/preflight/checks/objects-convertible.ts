import { block, type Check, pass } from "../check.ts";

/** Every object of the old group becomes a native one. */
export const objectsConvertible: Check = {
  id: "objects-convertible",
  title: "Calico can read every object of the old group",
  why: "What Calico cannot decode, for example because the metadata that it keeps in an annotation is not JSON, is in force nowhere, and upstream's migration leaves it out without a word: it is lost with the old group.",
  severity: "blocking",
  fix: "Put them right, or delete them: kubectl edit RESOURCE.crd.projectcalico.org NAME",
  judge: ({ conversions: { broken } }) => {
    if (broken.count === 0) return pass("all can be carried");
    return block(`${broken.count} objects cannot be carried, among them ${broken.first[0] ?? "?"}`, {
      items: broken.first,
    });
  },
};
