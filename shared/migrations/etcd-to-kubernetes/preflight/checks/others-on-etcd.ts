import { isForeignKey } from "../../../../calico/keys.ts";
import type { Checkpoint } from "../../../../engine/records.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { uncarried } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { countedProblems } from "../listed.ts";

/** Nodes that are no nodes of Kubernetes, and workloads that are no pods. */
const OTHERS = new Set(["NODE_UNMAPPED", "WORKLOAD_ENDPOINT_NOT_DERIVED", "LIVE_MIGRATION_NOT_DERIVED"]);

/** Nobody is left behind a locked datastore who goes on using it. */
export const othersOnEtcd: ResourceCheck = {
  id: "others-on-etcd",
  title: "nobody but Kubernetes uses this etcd: no bare-metal hosts, OpenStack or other orchestrators",
  severity: "blocking",
  fix: "Delete Nodes and endpoints of what is gone with calicoctl, and give each Node of Kubernetes an orchRef `k8s`. Where others go on using this etcd, start again with --others-on-etcd unlock, which unlocks it for them in the end; with --others-on-etcd stop it stays locked, and Felix stops there.",
  phase: "resources",
  run: async (_, context) => {
    const { count, items } = await countedProblems(context, uncarried(context), isOfOthers);
    if (count === 0) return pass("nobody else is known to");
    switch (context.options.othersOnEtcd) {
      case "unlock":
        return pass(`${count} are of others, for whom etcd is unlocked in the end`);
      case "stop":
        return pass(`${count} are of others, which stop when etcd is locked`);
      case "refuse":
        return fail(
          `${count} are of others, for whom etcd would stay locked: ${items[0] ?? ""}`,
          items,
          count,
        );
    }
  },
};

function isOfOthers({ key, detail }: Checkpoint): boolean {
  return OTHERS.has(textAt(detail, "code")) || isForeignKey(key);
}
