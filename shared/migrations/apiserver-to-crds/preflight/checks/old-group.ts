import { block, type Check, pass } from "../check.ts";

/** There is something to migrate. */
export const oldGroup: Check = {
  id: "old-group",
  title: "the cluster has CRDs of crd.projectcalico.org",
  why: "A cluster without them was migrated already, or never had Calico's data in them: going on could only harm what is in the native group.",
  severity: "blocking",
  fix: "There is nothing to migrate. If this is the wrong cluster, check the connection.",
  judge: ({ oldCrds, nativeCrds }) => {
    if (oldCrds.length > 0) return pass(`${oldCrds.length} CRDs`);
    return block(
      nativeCrds.length > 0
        ? `there is none, and ${nativeCrds.length} of projectcalico.org: the cluster uses native CRDs already`
        : "there is none of Calico at all",
    );
  },
};
