import { foreignOwners as ownersOf } from "../../../../kubernetes/managed-fields.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";

/** Nobody will put calico-node back as it was. */
export const foreignOwners: ConnectionCheck = {
  id: "foreign-owners",
  title: "no other tool manages calico-node in a way that would undo the switch",
  severity: "consent",
  subject: "foreign-owners",
  fix: "Pause the tool for Calico's objects, or change its source to the Kubernetes datastore together with the switch; then approve `foreign-owners`.",
  phase: "connections",
  run: async (facts) => {
    const workload = await facts.calicoNode();
    const owners = workload === undefined ? [] : ownersOf(workload).filter(({ reverts }) => reverts);
    if (owners.length === 0) return pass("none is known to");
    const named = owners.map(({ tool, evidence }) => `${tool} (${evidence})`);
    return fail(`calico-node is managed by ${named.join(", ")}`, named);
  },
};
