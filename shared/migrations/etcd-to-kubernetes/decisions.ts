import { z } from "zod";
import type { BackwardContext } from "../../calico/backward.ts";
import type { ForwardContext } from "../../calico/forwarded.ts";
import type { NodeNames } from "../../calico/node-names.ts";
import { NEWEST_KNOWN, rulesOf } from "../../calico/versions/rules.ts";
import type { TargetCalico } from "../../calico/versions/target-calico.ts";
import { parseVersion, versionText } from "../../calico/versions/version.ts";

/** Which Calico is on which side. */
const CalicoSides = z.object({
  /** The version of the Calico that will use the target, and what told it. */
  target: z.string(),
  foundBy: z.string(),
  /** The version of the Calico that uses etcd; left out where nothing tells it. */
  etcd: z.string().optional(),
  /** Kinds that the target has no CRD for. */
  missingKinds: z.array(z.string()),
});
export type CalicoSides = z.infer<typeof CalicoSides>;

/** What preflight has decided for the stages after it. Runs of earlier versions took every Calico for the newest. */
export const Decisions = z.object({
  targetGroup: z.enum(["crd.projectcalico.org/v1", "projectcalico.org/v3"]),
  pinnedRevision: z.int(),
  calico: CalicoSides.default({ target: versionText(NEWEST_KNOWN), foundBy: "", missingKinds: [] }),
  /** By kind, paths that its CRD has no field for; those of settings have been consented to. */
  missingFields: z.record(z.string(), z.array(z.string())).default({}),
});
export type Decisions = z.infer<typeof Decisions>;

/** What converting to the target needs, as preflight has decided. */
export function conversionBy(decisions: Decisions, nodeNames: NodeNames): ForwardContext {
  return { targetGroup: decisions.targetGroup, nodeNames, calico: targetCalico(decisions) };
}

/** What converting back to etcd needs, as preflight has decided. */
export function backwardBy(decisions: Decisions, nodeNames: NodeNames): BackwardContext {
  const { targetGroup: sourceGroup, calico } = decisions;
  const etcdVersion = parseVersion(calico.etcd ?? "");
  return { sourceGroup, nodeNames, calico: targetCalico(decisions), etcdVersion };
}

function targetCalico({ calico, missingFields }: Decisions): TargetCalico {
  return {
    rules: rulesOf(parseVersion(calico.target) ?? NEWEST_KNOWN),
    missingKinds: new Set(calico.missingKinds),
    missingFields: new Map(Object.entries(missingFields)),
  };
}
