import { z } from "zod";
import type { Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { applyChanges, ApplyingAt, applyingFromStart, stepOfApplying } from "../apply-changes.ts";
import type { Context } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { noteFollowed, ROUNDS } from "../pending-changes.ts";
import { recordDiffering } from "../record-differing.ts";
import { currentRevision } from "../source.ts";

const Cursor = z.object({
  /** How often everything was compared. */
  round: z.int(),
  /** Everything up to this revision of the source is recorded. */
  through: z.int(),
  /** True where, once this round is applied, more may have come. */
  again: z.boolean(),
  applying: ApplyingAt,
});
type Cursor = z.infer<typeof Cursor>;

/**
 * Applies what changed in the source since it was copied, while it stays in use: so that what the target refuses is told before
 * the lock, and catching up inside it has little left. A few rounds at most, as the source may be written to without end. What
 * cannot be carried is asked for at the lock.
 */
export const follow: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: "follow",
  title: "apply what changed since the copy, while the source stays in use",
  changesCluster: true,
  plan: async (context, cursor) =>
    cursor === undefined ? compare(context, 1) : apply(context, Cursor.parse(cursor)),
  work: async (context, batch) => ({ done: true, counts: await applyChanges(context, batch.scope) }),
};

async function compare(context: Context, round: number): Promise<SweepPlan | { wait: WaitRequest }> {
  const through = await currentRevision(context.connections.etcd());
  const differing = await recordDiffering(context, through, { beforeLock: true });
  if ("wait" in differing) return differing;
  const again = differing.found > 0 && differing.again;
  return { batches: [], cursor: { round, through, again, applying: applyingFromStart(context) } };
}

async function apply(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const step = await stepOfApplying(context, cursor.applying);
  if (step !== "applied") {
    if ("wait" in step) return step;
    return { batches: step.batches, cursor: { ...cursor, applying: step.next }, barrier: true };
  }
  if (cursor.again && cursor.round < ROUNDS) return compare(context, cursor.round + 1);
  await noteFollowed(context, cursor.through);
  return { batches: [], done: true };
}
