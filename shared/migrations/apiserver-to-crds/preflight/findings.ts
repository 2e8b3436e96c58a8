import { z } from "zod";
import { areTiersGuarded, calicoNodes, calicoVersion, installerOf } from "./components.ts";
import type { Facts } from "./facts.ts";

/** What the stages after preflight want to know, in preflight's notes as `findings`. */
export const Findings = z.object({
  /** Who installs Calico, and so who makes the switch. */
  installer: z.enum(["operator", "helm", "manifests"]),
  /** Of calico-node. */
  namespace: z.string(),
  /** The tag of calico-node's image; absent where that tells no version. */
  calico: z.string().optional(),
  /** True where a webhook judges who writes into which tier, as Calico's own does. */
  guarded: z.boolean().optional(),
  /** Where there is one, also where it does not install Calico. */
  operator: z.object({ namespace: z.string(), version: z.string().optional() }).optional(),
});
export type Findings = z.infer<typeof Findings>;

/** What the facts of a cluster that has passed the checks come to. */
export function findingsOf(facts: Facts): Findings {
  const { workloads, operator } = facts;
  const calico = calicoVersion(workloads);
  const version = operator?.images[0]?.version;
  return {
    installer: installerOf(facts) ?? "manifests",
    namespace: calicoNodes(workloads)[0]?.namespace ?? "kube-system",
    ...(calico === undefined ? {} : { calico }),
    ...(areTiersGuarded(facts) ? { guarded: true } : {}),
    ...(operator === undefined
      ? {}
      : { operator: { namespace: operator.namespace, ...(version === undefined ? {} : { version }) } }),
  };
}
