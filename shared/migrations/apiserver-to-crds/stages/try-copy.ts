import { z } from "zod";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import type { Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { addCounts } from "../../copying/copy-each.ts";
import { isDecided } from "../../copying/conflict.ts";
import { copyRefused, countProblems, forgetProblems } from "../../copying/problems.ts";
import { conflictPages, waitForDecisions } from "../../copying/unsettled.ts";
import { blockers, type Context, isPrecopied, resources, untried } from "../context.ts";
import { leftOutKeys, withoutIt } from "../left-out.ts";
import { throughNative } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { movedConflicts } from "../retry-rows.ts";
import { foreseeAgain, tryObjects } from "../try-objects.ts";
import { planV1Pages, V1Page, v1Objects } from "../v1-pages.ts";

const RANKS: readonly number[] = [1, 2, 3];
const NAMED = 5;

const Cursor = z.object({
  /** The kind that is being read, by its place in the order of copying. */
  kind: z.int(),
  continueToken: z.string().optional(),
  /** How often the run had been resumed when this began: after a resume everything is tried again. */
  retries: z.int(),
});

/**
 * Lets the API server judge every native object before the first is written, so that all faults of all objects are told at once:
 * formats, CEL rules, admission, quotas, namespaces, sizes, and all conflicts, on which people decide before anything is written. Not possible sooner than through the second version; without it the
 * objects are judged when they are copied, inside the lock, and preflight has judged them by their schema.
 */
export const tryCopy: Sweep<ClusterConnections, ApiserverToCrdsOptions> = throughNative({
  kind: "sweep",
  name: "try-copy",
  title: "try every native object by a dry run, before the first is written",
  plan: async (context, previous) => {
    if (!(await isPrecopied(context))) return { batches: [], done: true };
    const cursor = previous === undefined ? undefined : Cursor.parse(previous);
    if (cursor !== undefined && cursor.retries >= context.run.retriesSeen) return planNext(context, cursor);
    for (const ledger of [blockers(context), untried(context)]) await forgetProblems(ledger);
    return planNext(context, { kind: 0, retries: context.run.retriesSeen });
  },
  work: async (context, batch) => {
    const counts: Record<string, number> = {};
    if (!(await isPrecopied(context))) return { done: true, counts };
    for await (const { kind, objects } of v1Objects(context, V1Page.parse(batch.scope), batch.attempts > 0))
      addCounts(counts, await tryObjects(context, kind, objects));
    return { done: true, counts };
  },
});

async function planNext(
  context: Context,
  { kind: at, continueToken, retries }: z.infer<typeof Cursor>,
): Promise<SweepPlan | { wait: WaitRequest }> {
  const kinds = NATIVE_KINDS.slice(at);
  if (kinds.length === 0) return judge(context);
  const { batches, ended, next } = await planV1Pages(context, kinds, continueToken);
  const cursor = { kind: at + ended, retries };
  if (next !== undefined) return { batches, cursor: { ...cursor, continueToken: next } };
  return { batches, cursor, barrier: true };
}

async function judge(context: Context): Promise<SweepPlan | { wait: WaitRequest }> {
  const refused = await countProblems(blockers(context), ({ state }) => state === "failed");
  if (refused.count > 0)
    throw copyRefused(refused, { where: "the old group", otherwise: await withoutIt(context) });
  const { count, items } = await countProblems(untried(context), ({ state }) => state === "failed");
  await context.record({ untried: count, untriedFirst: items });
  return (await undecidedConflicts(context)) ?? { batches: [], done: true };
}

/** What is another conflict by now, or none, is recorded as it is; what is decided on is settled as it is written. */
async function undecidedConflicts(context: Context): Promise<{ wait: WaitRequest } | undefined> {
  const first: Checkpoint[] = [];
  const out = leftOutKeys(context);
  let count = 0;
  for (const rank of RANKS) {
    await foreseeAgain(context, await movedConflicts(context, rank));
    for await (const rows of conflictPages(resources(context), rank)) {
      const open = rows.filter((row) => !out.has(row.key) && !isDecided(context, row));
      count += open.length;
      first.push(...open.slice(0, NAMED - first.length));
    }
  }
  return count === 0 ? undefined : { wait: waitForDecisions(first, count) };
}
