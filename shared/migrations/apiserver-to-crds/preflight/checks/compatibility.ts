import { type Misfit, misfits } from "../compatibility.ts";
import { calicoVersion } from "../components.ts";
import type { Facts } from "../facts.ts";
import { block, type Check, pass, warn } from "../check.ts";

/** What is installed can take the switch. */
export const compatibility: Check = {
  id: "compatibility",
  title: "Kubernetes, Calico and its operator are of versions that can use native CRDs together",
  why: "Once everything is copied, the components switch and cannot be taken back to the old group by themselves. A version that cannot finish the switch leaves the cluster in between.",
  severity: "blocking",
  fix: "Upgrade what is named, then start again.",
  judge: (facts) => {
    const found = misfits(combinationOf(facts));
    const worst = found.find(({ level }) => level === "block") ?? found[0];
    if (worst === undefined) return pass(summary(facts));
    const messages = found.map(({ message }: Misfit) => message);
    const rest = { items: messages, next: worst.next };
    return worst.level === "block" ? block(messages.join("; "), rest) : warn(messages.join("; "), rest);
  },
};

function combinationOf(facts: Facts): Parameters<typeof misfits>[0] {
  const { kubernetes, admission, operator, migrationVersions } = facts;
  return {
    kubernetes,
    calico: calicoVersion(facts.workloads),
    admission,
    migration: migrationVersions,
    ...(operator === undefined ? {} : { operator: { version: operator.images[0]?.version } }),
  };
}

function summary({ kubernetes, workloads, operator, admission }: Facts): string {
  const installed = operator === undefined ? "" : `, operator ${operator.images[0]?.version ?? "?"}`;
  const served = `MutatingAdmissionPolicy ${admission.join(", ")}`;
  return `Kubernetes ${kubernetes}, Calico ${calicoVersion(workloads) ?? "?"}${installed}, ${served}`;
}
