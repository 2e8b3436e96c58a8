import { z } from "zod";
import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import type { Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { unsettled } from "../../copying/unsettled.ts";
import { applyChanges } from "../apply-changes.ts";
import { type Context, isPrecopied, resources, sendFor, v1Resource } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { relist } from "../relist.ts";
import { retryRows } from "../retry-rows.ts";
import { Copied } from "./pre-copy.ts";

const RANKS: readonly number[] = [1, 2, 3];

const Cursor = z.object({
  /** Of each kind, the version of its collection up to which everything is applied; none where it has to be listed. */
  since: z.record(z.string(), z.string()),
  /** Since when nothing has changed. Milliseconds since the epoch; 0 before the first look. */
  quietSince: z.int(),
  rounds: z.int(),
  retries: z.int(),
});
type Cursor = z.infer<typeof Cursor>;

/** How a catching up ends. */
interface CatchUpTraits {
  name: string;
  title: string;
  /** The stage whose notes say up to where everything is copied. */
  after: string;
  /** How long nothing must have changed. Milliseconds; undefined: after the first rounds, however much still changes. */
  quietMs?: (options: ApiserverToCrdsOptions) => number;
}

/** An open source may change without end: so often it is followed, which makes what is left as small as it gets. */
const OPEN_ROUNDS = 3;

const RETRIED_AT_ONCE = 1000;

/** Applies exactly what changed in the old group since it was copied, deletions included, round by round. */
export function catchUpSweep(traits: CatchUpTraits): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  return {
    kind: "sweep",
    name: traits.name,
    title: traits.title,
    changesCluster: true,
    plan: async (context, previous) => {
      if (!(await isPrecopied(context))) return { batches: [], done: true };
      return round(
        traits,
        context,
        previous === undefined ? await first(traits, context) : Cursor.parse(previous),
      );
    },
    work: () => Promise.reject(new Error(`${traits.name} has no batches`)),
  };
}

/** Before the lock: so that what is left for the time inside it does not grow with the time that the copy took. */
export const follow = catchUpSweep({
  name: "follow",
  title: "apply what changed since the copy, while the old group stays in use",
  after: "pre-copy",
});

/** Inside the lock, until nothing changes any more. */
export const catchUp = catchUpSweep({
  name: "catch-up",
  title: "apply what changed until the lock, until the old group is quiet",
  after: "follow",
  quietMs: ({ quietMs }) => quietMs,
});

async function first(traits: CatchUpTraits, context: Context): Promise<Cursor> {
  const { since } = Copied.parse(await context.notesOf(traits.after));
  return { since, quietSince: 0, rounds: 0, retries: context.run.retriesSeen };
}

async function round(
  traits: CatchUpTraits,
  context: Context,
  cursor: Cursor,
): Promise<SweepPlan | { wait: WaitRequest }> {
  const left = traits.quietMs === undefined ? 0 : stillToWait(context, traits, cursor);
  if (left > 0) {
    const message = `the old group has to stay unchanged for ${traits.quietMs?.(context.options) ?? 0} ms`;
    return { wait: { reason: "Gate", message, retryAfterMs: left } };
  }
  if (cursor.retries < context.run.retriesSeen) await retryUnsettled(context);
  const { since, changed } = await collect(context, cursor.since);
  const unsettledRank = await firstUnsettled(context);
  if (unsettledRank !== undefined) return unsettledRank();
  const now = context.clock.now();
  const isFirst = cursor.rounds === 0;
  if (isOver(traits, context, { cursor, changed, isFirst })) {
    await context.record({ since });
    return { batches: [], done: true };
  }
  const quietSince = changed > 0 || isFirst ? now : cursor.quietSince;
  const { retriesSeen: retries } = context.run;
  return { batches: [], cursor: { ...cursor, since, quietSince, retries, rounds: cursor.rounds + 1 } };
}

/** After a resume, what a person has mended meanwhile counts. */
async function retryUnsettled(context: Context): Promise<void> {
  for (const rank of RANKS) {
    const states = ["pending", "failed", "conflict"] as const;
    const rows = await resources(context).list({ rank, states, limit: RETRIED_AT_ONCE });
    await retryRows(context, rows);
  }
}

function stillToWait(context: Context, traits: CatchUpTraits, { quietSince, rounds }: Cursor): number {
  if (rounds === 0) return 0;
  return quietSince + (traits.quietMs?.(context.options) ?? 0) - context.clock.now();
}

function isOver(
  traits: CatchUpTraits,
  context: Context,
  { cursor, changed, isFirst }: { cursor: Cursor; changed: number; isFirst: boolean },
): boolean {
  if (traits.quietMs === undefined) return changed === 0 || cursor.rounds + 1 >= OPEN_ROUNDS;
  return changed === 0 && (!isFirst || traits.quietMs(context.options) === 0);
}

async function firstUnsettled(context: Context): Promise<(() => { wait: WaitRequest }) | undefined> {
  for (const rank of RANKS) {
    const left = await unsettled(resources(context), rank);
    if (left !== undefined) return left;
  }
  return undefined;
}

/** Reads what changed in all kinds at once, and applies it in the order in which kinds refer to one another. */
async function collect(
  context: Context,
  since: Readonly<Record<string, string>>,
): Promise<{ since: Record<string, string>; changed: number }> {
  const reads = await Promise.all(NATIVE_KINDS.map((kind) => changesOf(context, kind, since[kind.v1Plural])));
  const next: Record<string, string> = {};
  let changed = 0;
  for (const [index, kind] of NATIVE_KINDS.entries()) {
    const read = reads[index];
    const applied = read === undefined ? await relist(context, kind) : await apply(context, kind, read);
    next[kind.v1Plural] = applied.resourceVersion;
    changed += applied.changed;
  }
  return { since: next, changed };
}

type Changes = Awaited<ReturnType<ClusterConnections["kubernetes"]["changes"]>>;

/** Undefined where the server has forgotten what changed. */
async function changesOf(
  context: Context,
  kind: NativeKind,
  resourceVersion = "",
): Promise<Changes | undefined> {
  if (resourceVersion === "") return undefined;
  const { signal } = context;
  try {
    return await sendFor(context)((api) => api.changes(v1Resource(kind), { resourceVersion, signal }));
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return undefined;
    throw error;
  }
}

async function apply(
  context: Context,
  kind: NativeKind,
  { events, resourceVersion }: Changes,
): Promise<{ changed: number; resourceVersion: string }> {
  await applyChanges(context, kind, events);
  return { changed: events.length, resourceVersion };
}
