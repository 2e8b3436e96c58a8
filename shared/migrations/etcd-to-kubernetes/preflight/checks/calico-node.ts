import { datastoreType } from "../../manifest.ts";
import { type ConnectionCheck, fail, pass, unknown } from "../check.ts";

/** The cluster's Calico uses etcd now. */
export const calicoNode: ConnectionCheck = {
  id: "calico-node",
  title: "calico-node runs in kube-system, and uses etcd",
  severity: "blocking",
  fix: "If calico-node uses the Kubernetes datastore already, there is nothing to migrate.",
  phase: "connections",
  run: async (facts) => {
    const workload = await facts.calicoNode();
    if (workload === undefined) return unknown("there is no DaemonSet calico-node in kube-system");
    if (datastoreType(workload) === "kubernetes")
      return fail("calico-node uses the Kubernetes datastore already");
    return pass("calico-node uses etcd");
  },
};
