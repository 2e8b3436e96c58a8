import { z } from "zod";
import type { Ledger } from "../../../engine/ledger.ts";
import type { Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import type { Checkpoint, NewBatch } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, conversion, decisions, resources } from "../context.ts";
import { copyAll } from "../copy.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { rowsInRange, spanOf } from "../../copying/ledger-ranges.ts";
import { conflictsMoved } from "../moved-conflicts.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { unsettled } from "../../copying/unsettled.ts";
import { readSources } from "../source.ts";
import { undoCopies } from "../undo/delete-copies.ts";

/** Kinds of rank 0 belong to the lock; the others are copied rank by rank. */
export const COPIED_RANKS: readonly number[] = [1, 2, 3];

const PAGES_PER_STEP = 10;

/** Bounds the memory that a batch takes, whatever the size of its resources. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

const Cursor = z.object({
  rank: z.int(),
  after: z.string().optional(),
  /** How often the run had been resumed when the present rank was planned: what is unsettled is tried again once a resume. */
  retries: z.int(),
  complete: z.boolean(),
});
type Cursor = z.infer<typeof Cursor>;

const Scope = z.object({ rank: z.int(), from: z.string(), to: z.string() });

/** Copies every resource as of the pinned revision while the source stays in use, or as of now after a resume. */
export const preCopy: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: "pre-copy",
  title: "copy all resources while the source stays in use",
  changesCluster: true,
  undo: [undoCopies],
  plan: async (context, cursor) => {
    const at = cursor === undefined ? firstCursor(context) : Cursor.parse(cursor);
    return at.complete ? nextRank(context, at) : planPages(context, at);
  },
  work: async (context, batch) => {
    const query = { states: ["pending", "failed", "conflict"] as const, limit: batch.size };
    const rows = await rowsInRange(resources(context), Scope.parse(batch.scope), query);
    const open = rows.filter(({ state }) => state !== "applied" && state !== "reverted");
    const sources = await readSources(context, open, await revisionToCopy(context));
    return { done: true, counts: await copyAll(context, "create", await conversion(context), sources) };
  },
};

/**
 * The pinned revision; after a resume the present, as a person may have mended in etcd what could not be written. Catching up
 * begins at the pinned revision all the same, and leaves alone what is the same by then.
 */
async function revisionToCopy(context: Context): Promise<number | undefined> {
  return context.run.retriesSeen > 0 ? undefined : (await decisions(context)).pinnedRevision;
}

function firstCursor(context: Context): Cursor {
  return { rank: COPIED_RANKS[0] ?? 1, retries: context.run.retriesSeen, complete: false };
}

async function planPages(context: Context, cursor: Cursor): Promise<SweepPlan> {
  const { batchSize } = context.options;
  const limit = batchSize * PAGES_PER_STEP;
  const after = cursor.after === undefined ? {} : { after: { rank: cursor.rank, key: cursor.after } };
  const states = ["pending", "failed", "conflict"] as const;
  const page = await resources(context).list({ rank: cursor.rank, ...after, states, limit });
  const batches = cut(page, batchSize);
  const last = page.at(-1);
  if (page.length < limit || last === undefined) {
    return { batches, cursor: { ...cursor, complete: true }, barrier: true };
  }
  return { batches, cursor: { ...cursor, after: last.key } };
}

/** Batches of at most `size` resources and about `MAX_BATCH_BYTES`; a single larger resource has a batch of its own. */
export function cut(page: readonly Checkpoint[], size: number): NewBatch[] {
  const parts: Checkpoint[][] = [];
  let bytes = 0;
  for (const row of page) {
    const part = parts.at(-1);
    bytes += detailOf(row).bytes ?? 0;
    if (part !== undefined && part.length < size && bytes <= MAX_BATCH_BYTES) part.push(row);
    else {
      parts.push([row]);
      bytes = detailOf(row).bytes ?? 0;
    }
  }
  return parts.flatMap((part) => {
    const span = spanOf(part);
    return span === undefined ? [] : [{ scope: { ...span }, size: part.length }];
  });
}

/** A rank is complete when all of it is settled; what is not is tried again after a resume, or once it was mended. */
async function nextRank(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const left = await unsettled(resources(context) satisfies Ledger, cursor.rank);
  if (left !== undefined) {
    if (await isWorthTrying(context, cursor)) {
      return planPages(context, { rank: cursor.rank, retries: context.run.retriesSeen, complete: false });
    }
    return left();
  }
  const next = COPIED_RANKS[COPIED_RANKS.indexOf(cursor.rank) + 1];
  if (next === undefined) return { batches: [], done: true };
  return { batches: [], cursor: { rank: next, retries: context.run.retriesSeen, complete: false } };
}

async function isWorthTrying(context: Context, { rank, retries }: Cursor): Promise<boolean> {
  if (retries < context.run.retriesSeen) return true;
  return conflictsMoved(context, [rank], await revisionToCopy(context));
}
