import { z } from "zod";
import { CALICO_PREFIX } from "../../../calico/keys.ts";
import { HELD_MS } from "../../../engine/deadlines.ts";
import type { Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import { EtcdCompactedError } from "../../../etcd/errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { applyChanges, ApplyingAt, applyingFromStart, stepOfApplying } from "../apply-changes.ts";
import { concerns, isMadeAgain, type SourceChange } from "../source-changes.ts";
import { ComparedTo, compareWithSource } from "../compare-revisions.ts";
import type { Context } from "../context.ts";
import { renewLock, stillWritten } from "../late-changes.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { followedTo } from "../pending-changes.ts";
import { ASKS_FOR_LATE, Recording } from "../recording.ts";

const CHUNK = 500;
const NAMED = 5;

const Cursor = z.object({
  /** Everything up to this revision is recorded. */
  after: z.int(),
  phase: z.enum(["collect", "compare", "apply", "quiet"]),
  /** The revision up to which is being collected. */
  through: z.int(),
  /** In phase `compare`: where it goes on; left out at its beginning. */
  compared: ComparedTo.optional(),
  /** In phase `apply`: where it goes on. */
  applying: ApplyingAt,
  /** How many changes this round has found. */
  found: z.int(),
  /** Of the changes of this round, some that keep the source from being quiet. */
  busy: z.array(z.string()).default([]),
  /** When its first round was applied. Milliseconds since the epoch; 0 before. */
  firstAppliedAt: z.int().default(0),
  /** Since when nothing has changed that counts. Milliseconds since the epoch; 0 before the first look. */
  quietSince: z.int(),
  /** How often the run had been resumed when the lock was renewed for this round. */
  retries: z.int(),
});
type Cursor = z.infer<typeof Cursor>;

/**
 * Applies exactly what changed in the source since it was copied, round by round, until nothing has changed for a while.
 *
 *     round:  write the lock again (revision L)  ->  changes up to L  ->  record  ->  apply, rank by rank, then deletions
 *     end:    a round that finds nothing, `quietMs` after the last change
 *
 * The renewed lock is the sentinel that ends each watch, and proves that the lock is still this run's.
 */
export function catchUpSweep(traits: {
  name: string;
  title: string;
  /** From which revision on changes are missing in the target. */
  from: (context: Context) => Promise<number>;
  /** How long the source must have been quiet. Milliseconds. */
  quietMs: (context: Context) => number;
}): Sweep<ClusterConnections, EtcdToKubernetesOptions> {
  return {
    kind: "sweep",
    name: traits.name,
    title: traits.title,
    changesCluster: true,
    heldMs: ({ quietMs }) => quietMs + HELD_MS,
    asks: ASKS_FOR_LATE,
    plan: async (context, cursor) => {
      const at =
        cursor === undefined ? await firstCursor(context, await traits.from(context)) : Cursor.parse(cursor);
      return step(context, at, traits.quietMs(context));
    },
    work: async (context, batch) => ({ done: true, counts: await applyChanges(context, batch.scope) }),
  };
}

/** The first catching up starts where following the source has ended. */
export const catchUp = catchUpSweep({
  name: "catch-up",
  title: "apply what changed since the copy, deletions included, until the source is quiet",
  from: followedTo,
  quietMs: ({ options }) => options.quietMs,
});

/** Whatever was written to the locked source during the rollout is not lost. */
export const finalCatchUp = catchUpSweep({
  name: "final-catch-up",
  title: "apply what was written to etcd in spite of the lock",
  from: async (context) => caughtUpTo(await context.notesOf("catch-up")),
  // It was quiet before the rollout: one look is enough, and the lock stays short.
  quietMs: () => 0,
});

/** The revision up to which a catching up has applied everything. */
export function caughtUpTo(notes: Readonly<Record<string, unknown>>): number {
  return z.int().parse(notes["caughtUpTo"]);
}

async function firstCursor(context: Context, after: number): Promise<Cursor> {
  const through = await renewLock(context);
  const retries = context.run.retriesSeen;
  const applying = applyingFromStart(context);
  const fresh = { found: 0, busy: [], firstAppliedAt: 0, quietSince: 0 };
  return { ...fresh, after, phase: "collect", through, applying, retries };
}

async function step(
  context: Context,
  cursor: Cursor,
  quietMs: number,
): Promise<SweepPlan | { wait: WaitRequest }> {
  switch (cursor.phase) {
    case "collect":
      return collect(context, await sinceResume(context, cursor));
    case "compare":
      return compare(context, cursor);
    case "apply":
      return apply(context, cursor);
    case "quiet":
      return awaitQuiet(context, cursor, quietMs);
  }
}

/** After a resume, what a person has mended meanwhile counts. */
async function sinceResume(context: Context, cursor: Cursor): Promise<Cursor> {
  if (cursor.retries >= context.run.retriesSeen) return cursor;
  const through = await renewLock(context);
  return { ...cursor, through, retries: context.run.retriesSeen };
}

async function collect(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const etcd = context.connections.etcd();
  const query = { prefix: CALICO_PREFIX, afterRevision: cursor.after, throughRevision: cursor.through };
  const progress = new Recording(context, cursor.found);
  const busy = new Busy(cursor.busy);
  let chunk: SourceChange[] = [];
  try {
    for await (const change of etcd.changes({ ...query, signal: context.signal })) {
      if (concerns(change)) chunk.push(change);
      busy.add(change);
      if (chunk.length < CHUNK) continue;
      await progress.record(chunk);
      chunk = [];
    }
  } catch (error) {
    if (!(error instanceof EtcdCompactedError)) throw error;
    return { batches: [], cursor: inPhase(context, cursor, "compare") };
  }
  await progress.record(chunk);
  await progress.recordHomes();
  const found = await progress.finish();
  if (typeof found !== "number") return found;
  return { batches: [], cursor: { ...inPhase(context, cursor, "apply"), found, busy: busy.keys } };
}

/** Some of the keys that keep the source from being quiet: for people, who are to find whoever writes them. */
class Busy {
  readonly keys: string[];

  constructor(keys: readonly string[]) {
    this.keys = [...keys];
  }

  add(change: Pick<SourceChange, "key">): void {
    if (!concerns(change) || isMadeAgain(change.key) || this.keys.includes(change.key)) return;
    if (this.keys.length < NAMED) this.keys.push(change.key);
  }
}

/** Each phase begins anew: where an earlier one had come to says nothing about this one. */
function inPhase(context: Context, cursor: Cursor, phase: Cursor["phase"]): Cursor {
  const { compared: _over, ...rest } = cursor;
  return { ...rest, phase, applying: applyingFromStart(context) };
}

async function compare(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const page = await compareWithSource(context, cursor.through, cursor.compared);
  const progress = new Recording(context, cursor.found);
  await progress.record(page.changes);
  if (page.next === undefined) await progress.recordHomes();
  const found = await progress.finish();
  if (typeof found !== "number") return found;
  const seen = new Busy(cursor.busy);
  for (const change of page.changes) seen.add(change);
  const busy = seen.keys;
  if (page.next !== undefined)
    return { batches: [], cursor: { ...cursor, found, busy, compared: page.next } };
  return { batches: [], cursor: { ...inPhase(context, cursor, "apply"), found, busy } };
}

async function apply(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const step = await stepOfApplying(context, cursor.applying);
  if (step !== "applied") {
    if ("wait" in step) return step;
    return { batches: step.batches, cursor: { ...cursor, applying: step.next }, barrier: true };
  }
  const now = context.clock.now();
  const changed = cursor.busy.length > 0 || cursor.quietSince === 0;
  const quietSince = changed ? now : cursor.quietSince;
  const firstAppliedAt = cursor.firstAppliedAt === 0 ? now : cursor.firstAppliedAt;
  await context.record({ caughtUpTo: cursor.through });
  if (changed) refuseUnlessPatient(context, cursor.busy, firstAppliedAt);
  const quiet = inPhase(context, cursor, "quiet");
  return { batches: [], cursor: { ...quiet, after: cursor.through, found: 0, quietSince, firstAppliedAt } };
}

async function awaitQuiet(
  context: Context,
  cursor: Cursor,
  quietMs: number,
): Promise<SweepPlan | { wait: WaitRequest }> {
  const left = cursor.quietSince + quietMs - context.clock.now();
  if (left > 0) {
    const rule = `the source has to stay unchanged for ${quietMs} ms`;
    const isLate = cursor.quietSince > cursor.firstAppliedAt && cursor.busy.length > 0;
    const named = isLate ? `; in spite of the lock it was written to: ${cursor.busy.join(", ")}` : "";
    return { wait: { reason: "Gate", message: `${rule}${named}`, retryAfterMs: left } };
  }
  const through = await renewLock(context);
  const round = { ...inPhase(context, cursor, "collect"), through, found: 0, busy: [] };
  return (await collectLast(context, round)) ?? { batches: [], cursor: round };
}

/**
 * Others must not prolong the lock without end. Throws SOURCE_STILL_WRITTEN with what they write once it has taken too long; what
 * they have written by then is applied.
 */
function refuseUnlessPatient(context: Context, busy: readonly string[], firstAppliedAt: number): void {
  const waited = context.clock.now() - Math.max(firstAppliedAt, context.run.resumedAt ?? 0);
  if (waited >= context.options.quietDeadlineMs) throw stillWritten(busy);
}

/** Ends the sweep when nothing has changed that counts; undefined when another round is needed. */
async function collectLast(context: Context, cursor: Cursor): Promise<SweepPlan | undefined> {
  const query = { prefix: CALICO_PREFIX, afterRevision: cursor.after, throughRevision: cursor.through };
  let isComplete = true;
  try {
    for await (const change of context.connections.etcd().changes({ ...query, signal: context.signal })) {
      if (!concerns(change)) continue;
      if (!isMadeAgain(change.key)) return undefined;
      isComplete = false;
    }
  } catch (error) {
    if (error instanceof EtcdCompactedError) return undefined;
    throw error;
  }
  // Changes that do not count and are not applied yet are left to the next stage that looks.
  await context.record({ caughtUpTo: isComplete ? cursor.through : cursor.after });
  return { batches: [], done: true };
}
