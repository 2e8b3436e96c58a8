import { readLock } from "../../../../calico/lock.ts";
import { CLUSTER_INFORMATION_KEY } from "../../source-lock.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";

/** etcd is the datastore of a Calico that is at work. */
export const etcdHoldsCalico: ConnectionCheck = {
  id: "etcd-holds-calico",
  title: "etcd is Calico's datastore, and nobody has locked it",
  severity: "blocking",
  fix: "Where --etcd-endpoints are wrong, start again with the right ones. A lock of another run is lifted by finishing or undoing that run, or, where that was given up or its store is lost, with `calico-migrator unlock --force --side etcd`; one of calicoctl with `calicoctl datastore migrate unlock`.",
  phase: "connections",
  run: async (facts, context) => {
    const found = await facts.clusterInformation();
    if (found === undefined) return fail(`etcd holds no ${CLUSTER_INFORMATION_KEY}`);
    const { lockedBy, ready } = readLock(found.value.toString("utf8"));
    if (lockedBy !== undefined && lockedBy !== context.run.runId)
      return fail(`etcd is locked by run ${lockedBy}`);
    if (ready === false && lockedBy === undefined)
      return fail("etcd is locked (datastoreReady is false), not by a run");
    return pass("ClusterInformation is there, and the datastore is in use");
  },
};
