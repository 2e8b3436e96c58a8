import { readNodeNames } from "../../node-names.ts";
import { uncarried } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { listedProblems } from "../listed.ts";

/** Every node of etcd is a node of Kubernetes. */
export const nodesMapped: ResourceCheck = {
  id: "nodes-mapped",
  title: "every node in etcd refers to a Kubernetes node that is there",
  severity: "consent",
  subject: "unmapped-nodes",
  fix: "Add an orchRef `k8s` to the Node with calicoctl, or delete Nodes that are gone; or approve `unmapped-nodes` to accept the loss of their data (`start --approve-unmapped-nodes` does it ahead).",
  phase: "resources",
  run: async (inventory, context) => {
    const { clashes } = await readNodeNames(context);
    const claimed = clashes.map(
      ({ kubernetesName, etcdNames }) => `${kubernetesName} (${etcdNames.join(", ")})`,
    );
    if (claimed.length > 0)
      return fail(`several etcd nodes claim one Kubernetes node: ${claimed.join("; ")}`, claimed);
    const count = inventory.consents["unmapped-nodes"] ?? 0;
    if (count === 0) return pass("all do");
    const matches = ({ detail }: { detail: Record<string, unknown> }): boolean =>
      detail["subject"] === "unmapped-nodes";
    const items = await listedProblems(context, uncarried(context), matches);
    return fail(`${count} do not: ${items[0] ?? ""}`, items, count);
  },
};
