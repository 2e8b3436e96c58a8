import type { Workload } from "../facts.ts";
import { block, type Check, pass } from "../check.ts";

/** Calico uses the data that is to be copied. */
export const oldGroupInUse: Check = {
  id: "old-group-in-use",
  title: "Calico's workloads use the Kubernetes datastore, and the old group",
  why: "Where Calico uses the native group already, the old group is out of date, and copying it would bring back what was changed since. Where it uses etcd, neither group is the source.",
  severity: "blocking",
  fix: "Where Calico uses native CRDs already, there is nothing to migrate. From etcd, use the migration `etcd-to-kubernetes` first.",
  judge: ({ workloads }) => {
    const native = workloads.filter(({ apiGroup }) => apiGroup === "projectcalico.org/v3").map(nameOf);
    if (native.length > 0) {
      return block(`CALICO_API_GROUP is projectcalico.org/v3 on ${native.join(", ")}`, { items: native });
    }
    const etcd = workloads.filter(({ datastore }) => datastore?.startsWith("etcd") === true).map(nameOf);
    if (etcd.length > 0) return block(`DATASTORE_TYPE is etcdv3 on ${etcd.join(", ")}`, { items: etcd });
    return pass("nothing says otherwise");
  },
};

function nameOf({ kind, namespace, name }: Workload): string {
  return `${kind} ${namespace}/${name}`;
}
