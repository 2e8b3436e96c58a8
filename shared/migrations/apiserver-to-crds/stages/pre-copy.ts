import { z } from "zod";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import type { BatchOutcome, Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import type { BatchRecord, CheckpointId } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { addCounts } from "../../copying/copy-each.ts";
import { firstUnsettled, unsettled } from "../../copying/unsettled.ts";
import { type Context, isPrecopied, resources, wasPrecopied } from "../context.ts";
import { copyObjects } from "../copy-objects.ts";
import { withoutIt } from "../left-out.ts";
import { throughNative } from "../native-access.ts";
import { relistPage, Relisting, relistingOf } from "../relist.ts";
import { movedConflicts, retryRows, retryUnsettled } from "../retry-rows.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { undoCopies, undoCopiesEarly } from "../undo/undo-copies.ts";
import { planV1Pages, V1Page, v1Objects } from "../v1-pages.ts";

/** A batch names what it tries again, and a record of it is bounded (DynamoDB: 400 KB). */
const RETRIED_PER_BATCH = 500;
const RANKS: readonly number[] = [1, 2, 3];
/** So many batches of what is tried again are planned at a time. */
const BATCHES_PER_STEP = 10;

const Id = z.object({ rank: z.int(), key: z.string() });

const Cursor = z.object({
  /** The kind that is being read, by its place in the order of copying. */
  kind: z.int(),
  continueToken: z.string().optional(),
  /** Of each kind that was read, the version of its collection: what changed since then is caught up. */
  since: z.record(z.string(), z.string()),
  /** How often the run had been resumed when what is unsettled was last tried again. */
  retries: z.int(),
  /** All of the present rank is planned. */
  settling: z.boolean(),
  /** While all of a rank that is unsettled is tried again: the last of it that is in a batch, and the resume that it is for. */
  retrying: z.object({ after: Id, retries: z.int() }).optional(),
  /** Set once everything is settled, where everything is then compared once more. */
  relisting: Relisting.optional(),
});
type Cursor = z.infer<typeof Cursor>;

const Scope = z.union([V1Page, z.object({ retry: z.array(Id) })]);

/** What a run of the copying sweep leaves in its notes. */
export const Copied = z.object({ since: z.record(z.string(), z.string()) });

interface CopyTraits {
  name: string;
  title: string;
  undo: Sweep<ClusterConnections, ApiserverToCrdsOptions>;
  isDue: (context: Context) => Promise<boolean>;
  /** True where what was copied before has to be looked at again. */
  looksAgain: (context: Context) => Promise<boolean>;
  /** True where what came, changed or went while everything was listed is not left to a later stage. */
  endsWithRelisting: boolean;
}

/** Copies every v1 object while the aggregated API server serves, kind by kind, in the order in which kinds refer to one another. */
export const preCopy = copySweep({
  name: "pre-copy",
  title: "copy all resources while the aggregated API server stays in use",
  undo: undoCopies,
  isDue: isPrecopied,
  looksAgain: () => Promise.resolve(false),
  endsWithRelisting: false,
});

/**
 * The same inside the lock, where native objects cannot be written before the aggregated API server is gone, or could not be
 * any more. What was copied before that is compared again, brought up to date, or removed where its v1 object is gone.
 */
export const copyLocked = copySweep({
  name: "copy-locked",
  title: "copy all resources inside the lock, if they could not be copied before",
  undo: undoCopiesEarly,
  isDue: async (context) => !(await isPrecopied(context)),
  looksAgain: wasPrecopied,
  endsWithRelisting: true,
});

function copySweep(traits: CopyTraits): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  return throughNative({
    kind: "sweep",
    name: traits.name,
    title: traits.title,
    changesCluster: true,
    undo: [traits.undo],
    plan: async (context, previous) => {
      if (!(await traits.isDue(context))) return { batches: [], done: true };
      const cursor =
        previous === undefined
          ? { kind: 0, since: {}, retries: context.run.retriesSeen, settling: false }
          : Cursor.parse(previous);
      return cursor.settling ? settle(traits, context, cursor) : planPages(context, cursor);
    },
    work: async (context, batch) => {
      if (!(await traits.isDue(context))) return { done: true, counts: { leftToTheLock: batch.size } };
      return work(context, batch, await traits.looksAgain(context));
    },
  });
}

/** Opens batches for the next pages of the present rank; what is on them is read again by whoever works on them. */
async function planPages(context: Context, cursor: Cursor): Promise<SweepPlan> {
  const { continueToken, ...rest } = cursor;
  const rank = NATIVE_KINDS[cursor.kind]?.rank;
  const kinds = NATIVE_KINDS.slice(cursor.kind).filter((kind) => kind.rank === rank);
  const { batches, ended, next, versions } = await planV1Pages(context, kinds, continueToken);
  const since = { ...versions, ...cursor.since };
  const kind = cursor.kind + ended;
  if (next !== undefined) return { batches, cursor: { ...rest, since, kind, continueToken: next } };
  return { batches, cursor: { ...rest, since, kind, settling: true }, barrier: true };
}

/** A rank is complete when all of it is settled; what is not is tried again after a resume, or once it was mended. */
async function settle(
  traits: CopyTraits,
  context: Context,
  cursor: Cursor,
): Promise<SweepPlan | { wait: WaitRequest }> {
  const rank = NATIVE_KINDS[cursor.kind - 1]?.rank ?? RANKS[0] ?? 1;
  const left = await unsettled(resources(context), rank, await withoutIt(context));
  if (left !== undefined) {
    if (cursor.retrying !== undefined || cursor.retries < context.run.retriesSeen)
      return planRetries(context, cursor, rank);
    const ids = await movedConflicts(context, rank);
    return ids.length === 0 ? left() : { batches: retryBatches(context, ids), cursor, barrier: true };
  }
  const { retrying: _over, ...settled } = cursor;
  if (cursor.kind < NATIVE_KINDS.length) return { batches: [], cursor: { ...settled, settling: false } };
  return finish(traits, context, settled);
}

/** The next batches of what is unsettled, whatever its number: a resume is for all of it. */
async function planRetries(context: Context, cursor: Cursor, rank: number): Promise<SweepPlan> {
  const { retrying, ...rest } = cursor;
  const retries = retrying?.retries ?? context.run.retriesSeen;
  const after = retrying === undefined ? {} : { after: retrying.after };
  const limit = BATCHES_PER_STEP * context.options.batchSize;
  const states = ["pending", "failed", "conflict"] as const;
  const page = await resources(context).list({ rank, states, limit, ...after });
  const batches = retryBatches(context, page);
  const last = page.at(-1);
  if (last === undefined || page.length < limit)
    return { batches, cursor: { ...rest, retries }, barrier: true };
  return { batches, cursor: { ...rest, retrying: { after: { rank, key: last.key }, retries } } };
}

async function finish(
  traits: CopyTraits,
  context: Context,
  cursor: Cursor,
): Promise<SweepPlan | { wait: WaitRequest }> {
  if (traits.endsWithRelisting) {
    const relisting = cursor.relisting ?? relistingOf(NATIVE_KINDS);
    if (relisting.left.length > 0)
      return { batches: [], cursor: { ...cursor, relisting: await relistPage(context, relisting) } };
    await retryUnsettled(context, RANKS, cursor.retries);
  }
  const left = await firstUnsettled(resources(context), RANKS, await withoutIt(context));
  if (left !== undefined) return left();
  await context.record({ since: cursor.since });
  return { batches: [], done: true };
}

function retryBatches(
  { options: { batchSize } }: Context,
  ids: readonly CheckpointId[],
): { scope: JsonObject; size: number }[] {
  const batches: { scope: JsonObject; size: number }[] = [];
  const size = Math.min(batchSize, RETRIED_PER_BATCH);
  for (let first = 0; first < ids.length; first += size) {
    const retry = ids.slice(first, first + size).map(({ rank, key }) => ({ rank, key }));
    batches.push({ scope: { retry }, size: 0 });
  }
  return batches;
}

async function work(
  context: Context,
  batch: Readonly<BatchRecord>,
  looksAgain: boolean,
): Promise<BatchOutcome> {
  const scope = Scope.parse(batch.scope);
  if ("retry" in scope) return { done: true, counts: await retryRows(context, scope.retry) };
  const counts: Record<string, number> = {};
  for await (const { kind, objects } of v1Objects(context, scope, batch.attempts > 0))
    addCounts(counts, await copyObjects(context, { mode: "create", looksAgain }, kind, objects));
  return { done: true, counts };
}
