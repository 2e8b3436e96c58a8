import { z } from "zod";
import { shownAlways, shownThings } from "../../../engine/approvals.ts";
import { HELD_MS } from "../../../engine/deadlines.ts";
import type { ApprovalRule, Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { firstUnsettled } from "../../copying/unsettled.ts";
import { type Context, isPrecopied, resources } from "../context.ts";
import { throughNative } from "../native-access.ts";
import {
  judgeNativeChanges,
  judgeOutlived,
  type NativeChanges,
  nativeChanges,
  type NativeSince,
} from "../native-look.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { Findings } from "../preflight/findings.ts";
import { relistPage, Relisting, relistingOf } from "../relist.ts";
import { lossesApproved, takeOut, withoutIt } from "../left-out.ts";
import { retryUnsettled } from "../retry-rows.ts";
import { collectByComparing, collectChanges, type Collected } from "./collect-changes.ts";
import { Copied } from "./pre-copy.ts";

const RANKS: readonly number[] = [1, 2, 3];
const Counts = z.record(z.string(), z.int());
/** Up to this number of objects, listing all of them takes less time than being told of changes. */
const FEW = 5000;

const Cursor = z.object({
  /** Of each kind, the version of its collection up to which everything is applied; none where it has to be listed. */
  since: z.record(z.string(), z.string()),
  /** Since when nothing has changed that counts. Milliseconds since the epoch; 0 before the first look. */
  quietSince: z.int(),
  rounds: z.int(),
  retries: z.int(),
  /** When it began. Milliseconds since the epoch. */
  startedAt: z.int().default(0),
  /** Who went on writing in spite of the lock, when it was looked last. */
  writers: z.array(z.string()).default([]),
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
  /** True to compare every v1 object with its checkpoint, once. */
  compares?: boolean;
  /** How long nothing must have changed. Milliseconds; undefined: after the first rounds, however much still changes. */
  quietMs?: (options: ApiserverToCrdsOptions) => number;
  /** Judges what was written to native objects meanwhile. */
  nativeSince?: (context: Context) => Promise<NativeSince>;
  approvals?: readonly ApprovalRule<ClusterConnections, ApiserverToCrdsOptions>[];
}

/**
 * The point of no return is approved before the lock: nobody should have to decide while everything is locked, and
 * what changes while they decide is followed before the lock. `--stop-before unlock` asks inside the lock.
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

/**
 * Objects that the run may not list can have Calico objects as owners. The garbage collector would then delete them,
 * and nobody would have known.
 */
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

/** The aggregated API server checks rights by tier. They would go with it, and nobody would have agreed to that. */
const unguardedApproved: ApprovalRule<ClusterConnections, ApiserverToCrdsOptions> = {
  subject: "unguarded",
  needed: async (context) => {
    if (context.options.guards === "install") return undefined;
    const known = Findings.safeParse((await context.notesOf("preflight"))["findings"]);
    if (known.data?.installer === "operator" || known.data?.guarded === true) return undefined;
    const message =
      "nothing takes over what the API server guards: after the unlock, who may write policies of one tier may write them in any, and who may write all of projectcalico.org may unlock and lock the datastore";
    return shownAlways("unguarded", message);
  },
};

/**
 * How many rounds an old group that is not locked is followed. It may change without end, and more rounds would leave
 * no less.
 */
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
    heldMs: ({ quietMs }) => quietMs + HELD_MS,
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
  nativeSince: (context) => sinceOf(context, "verify-copy"),
  approvals: [unlockApproved, lossesApproved, unreadApproved, unguardedApproved],
});

/**
 * Inside the lock, before the aggregated API server goes: what conflicts is found while going back is cheap. Every object is
 * compared, so that nothing depends on what was told of changes before; what is written meanwhile is for the last catching up,
 * which looks again anyway.
 */
export const catchUp = catchUpSweep({
  name: "catch-up",
  title: "compare every object with its copy, and apply what changed until the lock",
  after: "follow",
  compares: true,
});

/**
 * The lock stops Calico's components; people write through the aggregated API until it is gone, which is the last moment at
 * which the old group can change by it. The time that its removal takes is part of the quiet time.
 */
export const catchUpLast = catchUpSweep({
  name: "catch-up-last",
  title: "apply what was written until the aggregated API server was gone, until the old group is quiet",
  after: "catch-up",
  quietMs: ({ quietMs }) => quietMs,
  nativeSince: (context) => sinceOf(context, "follow"),
});

const Noted = z.object({
  quietSince: z.int().default(0),
  nativeSince: z.record(z.string(), z.string()).default({}),
});

async function sinceOf(context: Context, stage: string): Promise<NativeSince> {
  return Noted.parse(await context.notesOf(stage)).nativeSince;
}

async function first(traits: CatchUpTraits, context: Context, applies: boolean): Promise<Cursor> {
  const notes = await context.notesOf(traits.after);
  const since = applies ? Copied.parse(notes).since : {};
  const { quietSince } = Noted.parse(traits.quietMs === undefined ? {} : notes);
  const startedAt = context.clock.now();
  return { since, quietSince, rounds: 0, retries: context.run.retriesSeen, startedAt, writers: [] };
}

async function round(
  traits: CatchUpTraits,
  context: Context,
  { cursor, applies }: { cursor: Cursor; applies: boolean },
): Promise<SweepPlan | { wait: WaitRequest }> {
  const left = stillToWait(traits, context, cursor);
  if (left > 0) return waitForQuiet(traits, context, cursor, left);
  if (cursor.relisting !== undefined)
    return { batches: [], cursor: await listOn(context, cursor, cursor.relisting) };
  if (applies) await takeOut(context);
  if (applies) await retryUnsettled(context, RANKS, cursor.retries);
  const startedAt = context.clock.now();
  const [found, natives] = await Promise.all([
    (await isCompared(traits, context, applies))
      ? collectByComparing(context)
      : collectChanges(context, cursor.since, applies),
    applies ? nativesOf(traits, context) : undefined,
  ]);
  if ("forgotten" in found)
    return { batches: [], cursor: { ...cursor, relisting: relistingOf(found.forgotten) } };
  const unsettled = applies
    ? await firstUnsettled(resources(context), RANKS, await withoutIt(context))
    : undefined;
  // Planned again, it reads the same changes again, and tries again what these could not write.
  if (unsettled !== undefined) return unsettled();
  const { since, counted, readAt, writers } = found;
  const quietSince = counted > 0 ? readAt : cursor.quietSince === 0 ? startedAt : cursor.quietSince;
  if (isOver(traits, context, cursor, { found, startedAt })) {
    const nativeSince = applies ? await judgeNatives(traits, context, natives) : {};
    await context.record({ since, quietSince, ...nativeSince });
    return { batches: [], done: true };
  }
  if (counted > 0) refuseUnlessPatient(traits, context, cursor, writers);
  const { retriesSeen: retries } = context.run;
  return {
    batches: [],
    cursor: { ...cursor, since, quietSince, retries, writers, rounds: cursor.rounds + 1 },
  };
}

/** Listing few objects is quicker than to be told of changes, which takes seconds, and proves more. */
async function isCompared(traits: CatchUpTraits, context: Context, applies: boolean): Promise<boolean> {
  if (!applies) return false;
  if (traits.compares === true) return true;
  const counts = Counts.parse((await context.notesOf("preflight"))["byKind"] ?? {});
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return traits.quietMs !== undefined && total > 0 && total <= FEW;
}

/** What is written to the old group after the last catching up, which waits for quiet, is caught up no more. */
async function judgeNatives(
  { quietMs }: CatchUpTraits,
  context: Context,
  natives: NativeChanges | undefined,
): Promise<{ nativeSince?: Record<string, string> }> {
  if (natives === undefined) {
    await judgeOutlived(context);
    return {};
  }
  const catchingUp = quietMs === undefined ? "later" : "over";
  return { nativeSince: { ...(await judgeNativeChanges(context, natives, catchingUp)) } };
}

function nativesOf(traits: CatchUpTraits, context: Context): Promise<NativeChanges> | undefined {
  return traits.nativeSince?.(context).then((since) => nativeChanges(context, since));
}

/** What a list shows may have changed just before it was read. */
async function listOn(context: Context, cursor: Cursor, relisting: Relisting): Promise<Cursor> {
  const { relisting: _before, ...rest } = cursor;
  const next = await relistPage(context, relisting);
  if (next.left.length > 0) return { ...rest, relisting: next };
  const since = { ...cursor.since, ...next.since };
  return { ...rest, since, quietSince: context.clock.now(), rounds: cursor.rounds + 1 };
}

function stillToWait(traits: CatchUpTraits, context: Context, { quietSince }: Cursor): number {
  if (traits.quietMs === undefined || quietSince === 0) return 0;
  return quietSince + traits.quietMs(context.options) - context.clock.now();
}

function waitForQuiet(
  traits: CatchUpTraits,
  context: Context,
  { writers }: Cursor,
  left: number,
): { wait: WaitRequest } {
  const rule = `the old group has to stay unchanged for ${traits.quietMs?.(context.options) ?? 0} ms`;
  const named = writers.length === 0 ? "" : `; in spite of the lock it was written to: ${writers.join(", ")}`;
  return { wait: { reason: "Gate", message: `${rule}${named}`, retryAfterMs: left } };
}

/**
 * Others must not prolong the lock without end. Throws OLD_GROUP_BUSY with who they are once it has taken too long; what they
 * have written by then is copied.
 */
function refuseUnlessPatient(
  traits: CatchUpTraits,
  context: Context,
  { startedAt }: Cursor,
  writers: readonly string[],
): void {
  const { quietDeadlineMs } = context.options;
  const waited = context.clock.now() - Math.max(startedAt, context.run.resumedAt ?? 0);
  if (traits.quietMs === undefined || waited < quietDeadlineMs) return;
  throw new MigratorError(
    "OLD_GROUP_BUSY",
    `the old group is written to in spite of its lock, for ${Math.round(waited / 1000)} s by now: ${writers.join(", ")}`,
    { next: "Stop who is named, then `resume`; or go back with `abort`." },
  );
}

/**
 * A look tells all that was written before it began. So the last one must begin when nothing has changed for long enough, and
 * find nothing: what was written while it went on was written later than that.
 *
 *     lock   look 1 begins   the API server goes      look 2 begins, its end
 *      |----------|------------------|----------------------|--------|
 *                 |<-------------- quietMs ---------------->|             where look 1 finds nothing
 *                       |<------------ quietMs ------------>|             where it finds changes
 */
function isOver(
  traits: CatchUpTraits,
  context: Context,
  { rounds, quietSince }: Cursor,
  { found: { counted, more }, startedAt }: { found: Collected; startedAt: number },
): boolean {
  if (more) return false;
  if (traits.compares === true) return true;
  if (traits.quietMs === undefined) return counted === 0 || rounds + 1 >= OPEN_ROUNDS;
  const quietMs = traits.quietMs(context.options);
  return counted === 0 && (quietMs === 0 || (quietSince > 0 && startedAt >= quietSince + quietMs));
}
