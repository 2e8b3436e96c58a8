import { z } from "zod";
import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import { shownAlways, shownThings } from "../../../engine/approvals.ts";
import type { ApprovalRule, Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { firstUnsettled } from "../../copying/unsettled.ts";
import { call } from "../../target/calls.ts";
import { applyChanges } from "../apply-changes.ts";
import { type Context, isPrecopied, resources, v1Resource } from "../context.ts";
import { throughNative } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { relistPage, Relisting, relistingOf } from "../relist.ts";
import { retryUnsettled } from "../retry-rows.ts";
import { hasV1Kind, NOTHING, orNoV1Kind } from "../v1-kind.ts";
import { Copied } from "./pre-copy.ts";

const RANKS: readonly number[] = [1, 2, 3];

const Cursor = z.object({
  /** Of each kind, the version of its collection up to which everything is applied; none where it has to be listed. */
  since: z.record(z.string(), z.string()),
  /** Since when nothing has changed. Milliseconds since the epoch; 0 before the first look. */
  quietSince: z.int(),
  rounds: z.int(),
  retries: z.int(),
  /** Set while kinds are listed of which the server has forgotten what changed. */
  relisting: Relisting.optional(),
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
  approvals?: readonly ApprovalRule<ClusterConnections, ApiserverToCrdsOptions>[];
}

/**
 * Nobody is to make up their mind about the point of no return while everything is locked; and what changes while they do is to
 * be followed before the lock. `--stop-before unlock` asks inside it.
 */
const unlockApproved: ApprovalRule<ClusterConnections, ApiserverToCrdsOptions> = {
  subject: "unlock",
  needed: () =>
    Promise.resolve(
      shownAlways(
        "unlock",
        "everything is copied and compared; both groups are locked next, for seconds, until the unlock, which is the point of no return",
      ),
    ),
};

const NAMED = 3;
const Scanned = z.object({ at: z.object({ unread: z.array(z.string()) }) });

/** What may not be listed may belong to Calico objects, and would be deleted without anybody having known. */
const unreadApproved: ApprovalRule<ClusterConnections, ApiserverToCrdsOptions> = {
  subject: "unread-dependants",
  needed: async (context) => {
    const scanned = Scanned.safeParse((await context.notesOf("preflight"))["dependants"]);
    const unread = scanned.data?.at.unread ?? [];
    if (unread.length === 0 || context.options.skipForeignOwnerReferences) return undefined;
    const named = unread.slice(0, NAMED).join("; ");
    const message = `${unread.length} resources could not be listed, and the garbage collector deletes those of their objects that belong to Calico objects: ${named}`;
    return shownThings(message, unread);
  },
};

/** An open source may change without end: so often it is followed, which makes what is left as small as it gets. */
const OPEN_ROUNDS = 3;

/**
 * Applies exactly what changed in the old group since it was copied, deletions included, round by round. Without the second
 * version nothing can be applied yet: then it only waits until the old group is quiet, for `copy-locked` to read it.
 */
export function catchUpSweep(traits: CatchUpTraits): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  return throughNative({
    kind: "sweep",
    name: traits.name,
    title: traits.title,
    changesCluster: true,
    ...(traits.approvals === undefined ? {} : { approvals: traits.approvals }),
    plan: async (context, previous) => {
      const applies = await isPrecopied(context);
      if (!applies && traits.quietMs === undefined) return { batches: [], done: true };
      const cursor = previous === undefined ? await first(traits, context, applies) : Cursor.parse(previous);
      return round(traits, context, { cursor, applies });
    },
    work: () => Promise.reject(new Error(`${traits.name} has no batches`)),
  });
}

/** Before the lock: so that what is left for the time inside it does not grow with the time that the copy took. */
export const follow = catchUpSweep({
  name: "follow",
  title: "apply what changed since the copy, while the old group stays in use",
  after: "pre-copy",
  approvals: [unlockApproved, unreadApproved],
});

/** Inside the lock, until nothing changes any more. */
export const catchUp = catchUpSweep({
  name: "catch-up",
  title: "apply what changed until the lock, until the old group is quiet",
  after: "follow",
  quietMs: ({ quietMs }) => quietMs,
});

/**
 * The lock stops Calico's components; people write through the aggregated API until it is gone, which is the last moment at
 * which the old group can change by it.
 */
export const catchUpLast = catchUpSweep({
  name: "catch-up-last",
  title: "apply what was written until the aggregated API server was gone",
  after: "catch-up",
});

async function first(traits: CatchUpTraits, context: Context, applies: boolean): Promise<Cursor> {
  const since = applies ? Copied.parse(await context.notesOf(traits.after)).since : {};
  return { since, quietSince: 0, rounds: 0, retries: context.run.retriesSeen };
}

async function round(
  traits: CatchUpTraits,
  context: Context,
  { cursor, applies }: { cursor: Cursor; applies: boolean },
): Promise<SweepPlan | { wait: WaitRequest }> {
  const left = traits.quietMs === undefined ? 0 : stillToWait(context, traits, cursor);
  if (left > 0) {
    const message = `the old group has to stay unchanged for ${traits.quietMs?.(context.options) ?? 0} ms`;
    return { wait: { reason: "Gate", message, retryAfterMs: left } };
  }
  if (cursor.relisting !== undefined)
    return { batches: [], cursor: await listOn(context, cursor, cursor.relisting) };
  if (applies) await retryUnsettled(context, RANKS, cursor.retries);
  const startedAt = context.clock.now();
  const found = await collect(context, cursor.since, applies);
  if ("forgotten" in found)
    return { batches: [], cursor: { ...cursor, relisting: relistingOf(found.forgotten) } };
  const unsettled = applies ? await firstUnsettled(resources(context), RANKS) : undefined;
  // Planned again, it reads the same changes again, and tries again what these could not write.
  if (unsettled !== undefined) return unsettled();
  const { since, changed, readAt } = found;
  const isFirst = cursor.rounds === 0;
  if (isOver(traits, context, cursor, found)) {
    await context.record({ since });
    return { batches: [], done: true };
  }
  const quietSince = changed > 0 ? readAt : isFirst ? startedAt : cursor.quietSince;
  const { retriesSeen: retries } = context.run;
  return { batches: [], cursor: { ...cursor, since, quietSince, retries, rounds: cursor.rounds + 1 } };
}

/** What a list shows may have changed just before it was read. */
async function listOn(context: Context, cursor: Cursor, relisting: Relisting): Promise<Cursor> {
  const { relisting: _before, ...rest } = cursor;
  const next = await relistPage(context, relisting);
  if (next.left.length > 0) return { ...rest, relisting: next };
  const since = { ...cursor.since, ...next.since };
  return { ...rest, since, quietSince: context.clock.now(), rounds: cursor.rounds + 1 };
}

function stillToWait(context: Context, traits: CatchUpTraits, { quietSince, rounds }: Cursor): number {
  if (rounds === 0) return 0;
  return quietSince + (traits.quietMs?.(context.options) ?? 0) - context.clock.now();
}

/**
 * A look tells all that was written before it began. So the last one must begin when nothing has changed for long enough, and
 * find nothing: what was written while it went on was written later than that.
 *
 *     lock   look 1 begins   its end        look 2 begins, its end
 *      |----------|-------------|--------------------|--------|
 *                 |<------------ quietMs ----------->|             where look 1 finds nothing
 *                               |<----- quietMs ---->|             where it finds changes
 */
function isOver(
  traits: CatchUpTraits,
  context: Context,
  { rounds }: Cursor,
  { changed, more }: Collected,
): boolean {
  if (traits.quietMs === undefined) return changed === 0 || (!more && rounds + 1 >= OPEN_ROUNDS);
  return changed === 0 && (rounds > 0 || traits.quietMs(context.options) === 0);
}

/**
 * Reads what changed in all kinds at once, and applies it in the order in which kinds refer to one another. Applies nothing
 * while the server has forgotten what changed of some: these are to be listed first.
 */
async function collect(
  context: Context,
  since: Readonly<Record<string, string>>,
  applies: boolean,
): Promise<Collected | { forgotten: NativeKind[] }> {
  const reads = await Promise.all(NATIVE_KINDS.map((kind) => changesOf(context, kind, since[kind.v1Plural])));
  const forgotten = NATIVE_KINDS.filter((_, index) => reads[index] === undefined);
  if (applies && forgotten.length > 0) return { forgotten };
  const readAt = context.clock.now();
  const next: Record<string, string> = {};
  let changed = forgotten.length;
  for (const [index, kind] of NATIVE_KINDS.entries()) {
    const read = reads[index] ?? (await beginning(context, kind));
    if (applies) await applyChanges(context, kind, read.events);
    next[kind.v1Plural] = read.resourceVersion;
    changed += read.events.length;
  }
  const more = reads.some((read) => read?.more === true);
  // Where looking only begins here, it may have changed just before.
  return { since: next, changed, more, readAt: forgotten.length > 0 ? context.clock.now() : readAt };
}

/** What one look has shown. */
interface Collected {
  /** Of each kind, up to which version of its collection. */
  since: Record<string, string>;
  changed: number;
  /** True where there are changes that it has not shown. */
  more: boolean;
  /** When it began, at the latest. Milliseconds since the epoch. */
  readAt: number;
}

type Changes = Awaited<ReturnType<ClusterConnections["kubernetes"]["changes"]>>;

/** Undefined where the server has forgotten what changed, or everything may have: the kind has come, or it has gone. */
async function changesOf(
  context: Context,
  kind: NativeKind,
  resourceVersion: string | undefined,
): Promise<Changes | undefined> {
  const { connections, signal } = context;
  if (resourceVersion === undefined) return undefined;
  if (resourceVersion === NOTHING.resourceVersion)
    return (await hasV1Kind(context, kind)) ? undefined : { events: [], resourceVersion, more: false };
  try {
    // Past the limiter: a watch mostly waits, would hold up those of other kinds, and its time says nothing of the server's load.
    const changes = connections.kubernetes.changes(v1Resource(kind), { resourceVersion, signal });
    return await orNoV1Kind(context, kind, changes);
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return undefined;
    throw error;
  }
}

/** From where changes are looked for, where nothing is known of those before. */
async function beginning(
  context: Context,
  kind: NativeKind,
): Promise<Pick<Changes, "events" | "resourceVersion">> {
  const { signal, connections } = context;
  const options = { limit: 1, metadataOnly: true, signal };
  const listed = call(context, () => connections.kubernetes.list(v1Resource(kind), options));
  const { resourceVersion } = (await orNoV1Kind(context, kind, listed)) ?? NOTHING;
  return { events: [], resourceVersion };
}
