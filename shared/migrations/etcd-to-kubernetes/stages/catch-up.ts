import { z } from "zod";
import { CALICO_PREFIX } from "../../../calico/keys.ts";
import { askFor, shownThings } from "../../../engine/approvals.ts";
import type { Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import { EtcdCompactedError } from "../../../etcd/errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { applyChanges, planChanges, unsettledChanges } from "../apply-changes.ts";
import { concerns, recordChanges, type SourceChange } from "../changes.ts";
import { compareWithSource } from "../compare-revisions.ts";
import { type Context, conversion, decisions } from "../context.ts";
import { conflictsMoved } from "../moved-conflicts.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { lockSource } from "../source-lock.ts";
import { COPIED_RANKS } from "./pre-copy.ts";

const CHUNK = 500;
const NAMED = 5;
/** What came since preflight and cannot be carried. */
const LATE = "uncarried-late";

const Cursor = z.object({
  /** Everything up to this revision is recorded. */
  after: z.int(),
  phase: z.enum(["collect", "compare", "apply", "quiet"]),
  /** The revision up to which is being collected. */
  through: z.int(),
  /** Where comparing goes on. */
  compareAfter: z.string().optional(),
  step: z.int(),
  /** What could not be written is tried again. */
  again: z.boolean(),
  found: z.int(),
  /** Since when nothing has changed. Milliseconds since the epoch; 0 before the first look. */
  quietSince: z.int(),
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
    asks: [{ subject: LATE, kind: "found" }],
    plan: async (context, cursor) => {
      const at =
        cursor === undefined ? await firstCursor(context, await traits.from(context)) : Cursor.parse(cursor);
      return step(context, at, traits.quietMs(context));
    },
    work: async (context, batch) => ({ done: true, counts: await applyChanges(context, batch.scope) }),
  };
}

/** The first catching up starts where the copy was made. */
export const catchUp = catchUpSweep({
  name: "catch-up",
  title: "apply what changed since the copy, deletions included, until the source is quiet",
  from: async (context) => (await decisions(context)).pinnedRevision,
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
  const { retriesSeen } = context.run;
  const through = await lockSource(context, () => Promise.reject(lockLost()));
  return {
    after,
    phase: "collect",
    through,
    step: 0,
    again: false,
    found: 0,
    quietSince: 0,
    retries: retriesSeen,
  };
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
  const through = await lockSource(context, () => Promise.reject(lockLost()));
  return { ...cursor, through, retries: context.run.retriesSeen };
}

async function collect(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const etcd = context.connections.etcd();
  const query = { prefix: CALICO_PREFIX, afterRevision: cursor.after, throughRevision: cursor.through };
  const progress = new Recording(context, cursor.found);
  let chunk: SourceChange[] = [];
  try {
    for await (const change of etcd.changes({ ...query, signal: context.signal })) {
      if (concerns(change)) chunk.push(change);
      if (chunk.length < CHUNK) continue;
      await progress.record(chunk);
      chunk = [];
    }
  } catch (error) {
    if (!(error instanceof EtcdCompactedError)) throw error;
    return { batches: [], cursor: { ...cursor, phase: "compare" } };
  }
  await progress.record(chunk);
  const found = progress.finish();
  if (typeof found !== "number") return found;
  return { batches: [], cursor: { ...cursor, found, phase: "apply", step: 0 } };
}

async function compare(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const page = await compareWithSource(context, cursor.through, cursor.compareAfter);
  const progress = new Recording(context, cursor.found);
  await progress.record(page.changes);
  const found = progress.finish();
  if (typeof found !== "number") return found;
  if (page.next !== undefined) return { batches: [], cursor: { ...cursor, found, compareAfter: page.next } };
  return { batches: [], cursor: { ...cursor, found, phase: "apply", step: 0 } };
}

/** Changes that are recorded chunk by chunk, and judged at the end: what was broken may have been mended since. */
class Recording {
  readonly #context: Context;
  readonly #blocked = new Set<string>();
  #found: number;
  readonly #uncarried = new Map<string, string>();

  constructor(context: Context, found: number) {
    this.#context = context;
    this.#found = found;
  }

  async record(chunk: readonly SourceChange[]): Promise<void> {
    if (chunk.length === 0) return;
    const { recorded, uncarried, blocked } = await recordChanges(this.#context, chunk, () =>
      conversion(this.#context),
    );
    for (const { key } of chunk) {
      this.#blocked.delete(key);
      this.#uncarried.delete(key);
    }
    for (const key of blocked) this.#blocked.add(key);
    for (const { key, reason } of uncarried) this.#uncarried.set(key, reason);
    this.#found += recorded;
  }

  /** How many changes were found; waits for a person where some cannot be carried. Throws CATCH_UP_BLOCKED for what is broken. */
  finish(): number | { wait: WaitRequest } {
    if (this.#blocked.size > 0) throw blockedBy(this.#blocked);
    if (this.#uncarried.size === 0) return this.#found;
    const named = [...this.#uncarried].slice(0, NAMED).map(([key, reason]) => `${key} (${reason})`);
    const message = `since the copy, ${this.#uncarried.size} resources came to the source that cannot be carried: ${named.join("; ")}; \`describe\` lists all`;
    const shown = shownThings(message, this.#uncarried);
    return this.#context.approved(LATE, shown) ? this.#found : { wait: askFor(LATE, shown) };
  }
}

function blockedBy(blocked: ReadonlySet<string>): MigratorError {
  const [example = ""] = blocked;
  const message = `since the copy, ${blocked.size} resources came to the source that are broken (${example})`;
  return new MigratorError("CATCH_UP_BLOCKED", message, {
    next: "See them with `describe`. Mend them in etcd and `resume`, or undo the run with `rollback`.",
  });
}

async function apply(context: Context, cursor: Cursor): Promise<SweepPlan | { wait: WaitRequest }> {
  const planned = await planChanges(context, cursor.step, cursor.again);
  if (planned !== undefined) {
    const next = { ...cursor, step: planned.nextStep };
    return { batches: planned.batches, cursor: next, barrier: true };
  }
  const left = await unsettledChanges(context);
  if (left !== undefined) {
    const isResumed = cursor.retries < context.run.retriesSeen;
    if (!isResumed && !(await conflictsMoved(context, COPIED_RANKS))) return left();
    return { batches: [], cursor: { ...cursor, step: 0, again: true, retries: context.run.retriesSeen } };
  }
  const changed = cursor.found > 0 || cursor.quietSince === 0;
  const quietSince = changed ? context.clock.now() : cursor.quietSince;
  await context.record({ caughtUpTo: cursor.through });
  return {
    batches: [],
    cursor: { ...cursor, after: cursor.through, again: false, found: 0, phase: "quiet", quietSince },
  };
}

async function awaitQuiet(
  context: Context,
  cursor: Cursor,
  quietMs: number,
): Promise<SweepPlan | { wait: WaitRequest }> {
  const left = cursor.quietSince + quietMs - context.clock.now();
  if (left > 0) {
    const message = `the source has to stay unchanged for ${quietMs} ms`;
    return { wait: { reason: "Gate", message, retryAfterMs: left } };
  }
  const through = await lockSource(context, () => Promise.reject(lockLost()));
  const last = { ...cursor, through, phase: "collect" as const, found: 0 };
  const round = await collectLast(context, last);
  return round ?? { batches: [], cursor: { ...last, phase: "collect" } };
}

/** Ends the sweep when nothing has changed; undefined when another round is needed. */
async function collectLast(context: Context, cursor: Cursor): Promise<SweepPlan | undefined> {
  const query = { prefix: CALICO_PREFIX, afterRevision: cursor.after, throughRevision: cursor.through };
  try {
    for await (const change of context.connections.etcd().changes({ ...query, signal: context.signal })) {
      if (concerns(change)) return undefined;
    }
  } catch (error) {
    if (error instanceof EtcdCompactedError) return undefined;
    throw error;
  }
  await context.record({ caughtUpTo: cursor.through });
  return { batches: [], done: true };
}

function lockLost(): MigratorError {
  return new MigratorError(
    "SOURCE_LOCK_LOST",
    "etcd is no longer locked: somebody has unlocked it during the run",
    {
      next: "Undo the run with `rollback`: what Calico did meanwhile may not be in the copy. Then start again.",
    },
  );
}
