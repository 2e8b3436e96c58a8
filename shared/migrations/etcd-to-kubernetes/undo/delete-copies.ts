import { z } from "zod";
import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, decisions, resources } from "../context.ts";
import { rowsInRange } from "../ledger-ranges.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { removeTarget } from "../remove-target.ts";
import { refOf } from "../target-refs.ts";

const RANKS = [3, 2, 1];
const Cursor = z.object({ rank: z.int(), after: z.string().optional() });
const Scope = z.object({ rank: z.int(), from: z.string(), to: z.string() });
const NOT_REVERTED = ["pending", "applied", "verified", "conflict", "failed"] as const;

/** Takes everything that this run copied out of the target again, what refers to others first. */
export const undoCopies: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: "delete-copies",
  title: "delete what this run created in the target, and put back what it changed",
  plan: async (context, previous) => {
    const cursor = previous === undefined ? { rank: 3 } : Cursor.parse(previous);
    const { batchSize } = context.options;
    const after = cursor.after === undefined ? {} : { after: { rank: cursor.rank, key: cursor.after } };
    const query = { rank: cursor.rank, states: NOT_REVERTED, limit: batchSize };
    const page = await resources(context).list({ ...query, ...after });
    const [first, last] = [page[0], page.at(-1)];
    if (first === undefined || last === undefined) return nextRank(cursor.rank);
    const scope = { rank: cursor.rank, from: first.key, to: last.key };
    return { batches: [{ scope, size: page.length }], cursor: { rank: cursor.rank, after: last.key } };
  },
  work: async (context, batch) => {
    const query = { states: NOT_REVERTED, limit: batch.size };
    const rows = await rowsInRange(resources(context), Scope.parse(batch.scope), query);
    return { done: true, counts: { reverted: await revertAll(context, rows) } };
  },
};

function nextRank(
  rank: number,
): { batches: []; done: true } | { batches: []; cursor: { rank: number }; barrier: true } {
  const next = RANKS[RANKS.indexOf(rank) + 1];
  return next === undefined
    ? { batches: [], done: true }
    : { batches: [], cursor: { rank: next }, barrier: true };
}

/** What could be taken out is recorded, also when some could not; then the first failure is thrown. */
async function revertAll(context: Context, rows: readonly Checkpoint[]): Promise<number> {
  const { targetGroup } = await decisions(context);
  const results = await Promise.allSettled(
    rows
      .filter(({ state }) => state !== "reverted")
      .map(async (row) => {
        await removeTarget(context, row, refOf(row, targetGroup));
        return { ...row, state: "reverted" as const };
      }),
  );
  const reverted = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  await resources(context).put(reverted);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return reverted.length;
}
