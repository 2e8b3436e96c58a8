import { block, type Check, pass } from "../check.ts";

/** The lock can be taken, and is nobody else's. */
export const clusterInformation: Check = {
  id: "cluster-information",
  title: "the old group's ClusterInformation is there, and its datastore is not locked",
  why: "The lock is a field of it. A datastore that somebody has locked is in the middle of something, or was left locked: upstream's controller does that when it is stopped before it copies.",
  severity: "blocking",
  fix: 'If nothing is going on, unlock it: kubectl patch clusterinformations.crd.projectcalico.org default --type=merge -p \'{"spec":{"datastoreReady":true}}\'',
  judge: ({ clusterInformation: lock }) => {
    if (lock === undefined)
      return block("there is no ClusterInformation `default` in crd.projectcalico.org", {
        next: "Start Calico once, which creates it; or check that this cluster's Calico uses crd.projectcalico.org.",
      });
    if (lock.ready !== false) return pass("it is ready");
    if (lock.lockedBy === undefined) return block("it is locked, by nobody known");
    return block(`it is locked by run ${lock.lockedBy}`, {
      next: `Finish run ${lock.lockedBy}, or undo it with \`calico-migrator rollback ${lock.lockedBy}\`; where it was given up or its store is lost, lift the lock with \`calico-migrator unlock --force --side crd.projectcalico.org\`.`,
    });
  },
};
