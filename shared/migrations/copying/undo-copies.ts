import { z } from "zod";
import type { StageContext, Sweep } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { rowsInRange } from "./ledger-ranges.ts";
import { removeTarget } from "../target/remove.ts";

const RANKS = [3, 2, 1];
const Cursor = z.object({ rank: z.int(), after: z.string().optional() });
const Scope = z.object({ rank: z.int(), from: z.string(), to: z.string() });
const NOT_REVERTED = ["pending", "applied", "verified", "conflict", "failed"] as const;

/** What differs between migrations. */
interface UndoTraits<O> {
  /** Default: delete-copies. */
  name?: string;
  /** Where the object of a checkpoint is. */
  refOf: (context: StageContext<ClusterConnections, O>) => Promise<(row: Checkpoint) => ObjectRef>;
  /** True for an object that its cluster does not let go: it stays. */
  mayStay?: (row: Checkpoint, error: unknown) => boolean;
}

/** Takes everything that a run copied out of the target again, what refers to others first. */
export function undoCopiesSweep<O extends { batchSize: number }>(
  traits: UndoTraits<O>,
): Sweep<ClusterConnections, O> {
  return {
    kind: "sweep",
    name: traits.name ?? "delete-copies",
    title: "delete what this run created in the target, and put back what it changed",
    plan: async (context, previous) => {
      const cursor = previous === undefined ? { rank: 3 } : Cursor.parse(previous);
      const { batchSize } = context.options;
      const after = cursor.after === undefined ? {} : { after: { rank: cursor.rank, key: cursor.after } };
      const query = { rank: cursor.rank, states: NOT_REVERTED, limit: batchSize };
      const page = await context.ledger("resources").list({ ...query, ...after });
      const [first, last] = [page[0], page.at(-1)];
      if (first === undefined || last === undefined) return nextRank(cursor.rank);
      const scope = { rank: cursor.rank, from: first.key, to: last.key };
      return { batches: [{ scope, size: page.length }], cursor: { rank: cursor.rank, after: last.key } };
    },
    work: async (context, batch) => {
      const query = { states: NOT_REVERTED, limit: batch.size };
      const rows = await rowsInRange(context.ledger("resources"), Scope.parse(batch.scope), query);
      return { done: true, counts: { reverted: await revertAll(traits, context, rows) } };
    },
  };
}

function nextRank(
  rank: number,
): { batches: []; done: true } | { batches: []; cursor: { rank: number }; barrier: true } {
  const next = RANKS[RANKS.indexOf(rank) + 1];
  return next === undefined
    ? { batches: [], done: true }
    : { batches: [], cursor: { rank: next }, barrier: true };
}

/** What could be taken out is recorded, also when some could not; then the first failure is thrown. */
async function revertAll<O>(
  traits: UndoTraits<O>,
  context: StageContext<ClusterConnections, O>,
  rows: readonly Checkpoint[],
): Promise<number> {
  const refOf = await traits.refOf(context);
  const results = await Promise.allSettled(
    rows
      .filter(({ state }) => state !== "reverted")
      .map(async (row) => {
        await remove(traits, context, { row, ref: refOf(row) });
        return { ...row, state: "reverted" as const };
      }),
  );
  const reverted = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  await context.ledger("resources").put(reverted);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return reverted.length;
}

async function remove<O>(
  { mayStay }: UndoTraits<O>,
  context: StageContext<ClusterConnections, O>,
  { row, ref }: { row: Checkpoint; ref: ObjectRef },
): Promise<void> {
  try {
    await removeTarget(context, row, ref);
  } catch (error) {
    if (mayStay?.(row, error) !== true) throw error;
  }
}
