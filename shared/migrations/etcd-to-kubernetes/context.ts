import { z } from "zod";
import type { ForwardContext } from "../../calico/forwarded.ts";
import type { TargetGroup } from "../../calico/kinds.ts";
import type { StageContext } from "../../engine/migration.ts";
import type { Ledger } from "../../engine/ledger.ts";
import type { ClusterConnections } from "../connections.ts";
import { readNodeNames } from "./node-names.ts";
import type { EtcdToKubernetesOptions } from "./options.ts";

/** What the stages of this migration get. */
export type Context = StageContext<ClusterConnections, EtcdToKubernetesOptions>;

/** What preflight has decided for the stages after it. */
const Decisions = z.object({
  targetGroup: z.enum(["crd.projectcalico.org/v1", "projectcalico.org/v3"]),
  pinnedRevision: z.int(),
});

/** The target group and the revision of the source at which everything was read. */
export async function decisions(
  context: Context,
): Promise<{ targetGroup: TargetGroup; pinnedRevision: number }> {
  return Decisions.parse(await context.notesOf("preflight"));
}

/** What conversions of this run need; the node names are those last recorded. */
export async function conversion(context: Context): Promise<ForwardContext> {
  const { targetGroup } = await decisions(context);
  return { targetGroup, nodeNames: await readNodeNames(context) };
}

/** One checkpoint for every resource that is carried. */
export function resources(context: Context): Ledger {
  return context.ledger("resources");
}

/** What cannot be carried, by etcd key, with the reason; `detail.subject` is what has to be approved. */
export function uncarried(context: Context): Ledger {
  return context.ledger("uncarried");
}

/** What is broken or collides, by etcd key, with the reason: it blocks. */
export function blockers(context: Context): Ledger {
  return context.ledger("blockers");
}

/** What changed in the source after the pinned revision, by etcd key: the last change of each. */
export function changes(context: Context): Ledger {
  return context.ledger("changes");
}
