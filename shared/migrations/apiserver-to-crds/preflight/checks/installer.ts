import { calicoNodes, installerOf } from "../components.ts";
import type { Facts } from "../facts.ts";
import { block, type Check, pass, type Verdict, warn } from "../check.ts";

/** It is known who has to make the switch. */
export const installer: Check = {
  id: "installer",
  title: "Calico is installed once, by the operator, Helm or manifests, and is not Calico Enterprise",
  why: "Who installs Calico decides how it is switched: the operator does it by itself, the workloads of a manifest are changed by the migration, and those of a Helm release are changed back by its next upgrade.",
  severity: "blocking",
  fix: "Finish a migration between installers first. Calico Enterprise, Canal and other variants cannot be migrated.",
  judge: (facts) => {
    const other = facts.installations.find(({ variant }) => variant !== "" && variant !== "Calico");
    if (other !== undefined) return block(`Installation ${other.name} is of the variant ${other.variant}`);
    const nodes = calicoNodes(facts.workloads).map(({ namespace }) => namespace);
    if (nodes.length > 1) return block(`calico-node is in several namespaces: ${nodes.join(", ")}`);
    return judgeInstaller(facts, nodes[0] ?? "");
  },
};

function judgeInstaller(facts: Facts, namespace: string): Verdict {
  const { operator, installations, workloads } = facts;
  switch (installerOf(facts)) {
    case undefined:
      return block("there is no DaemonSet calico-node in any namespace");
    case "operator": {
      const release = operator?.helmRelease === undefined ? "" : `, Helm release ${operator.helmRelease}`;
      return pass(
        `the operator (in ${operator?.namespace ?? "?"}${release}) installs Calico in ${namespace}`,
      );
    }
    case "helm": {
      const release = calicoNodes(workloads)[0]?.helmRelease ?? "?";
      return warn(`the Helm release ${release} installs Calico in ${namespace}`, {
        next: `Set CALICO_API_GROUP=projectcalico.org/v3 for calico-node, typha and kube-controllers in the values of ${release} before its next upgrade, and turn its API server off.`,
      });
    }
    case "manifests":
      if (operator !== undefined && installations.length === 0)
        return warn(
          `manifests install Calico in ${namespace}; an operator in ${operator.namespace} has no Installation`,
        );
      return pass(`manifests install Calico in ${namespace}`);
  }
}
