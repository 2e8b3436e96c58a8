import { z } from "zod";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import type { Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { addCounts } from "../../copying/copy-each.ts";
import { copyRefused, countProblems, forgetProblems } from "../../copying/problems.ts";
import { blockers, type Context, isPrecopied, untried } from "../context.ts";
import { WITHOUT_IT } from "../left-out.ts";
import { throughNative } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { tryObjects } from "../try-objects.ts";
import { planV1Page, V1Page, v1Objects } from "../v1-pages.ts";

const Cursor = z.object({
  /** The kind that is being read, by its place in the order of copying. */
  kind: z.int(),
  continueToken: z.string().optional(),
  /** How often the run had been resumed when this began: after a resume everything is tried again. */
  retries: z.int(),
});

/**
 * Lets the API server judge every native object before the first is written, so that all faults of all objects are told at once:
 * formats, CEL rules, admission, quotas, namespaces, sizes. Not possible sooner than through the second version; without it the
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
    for await (const { kind, objects } of v1Objects(context, V1Page.parse(batch.scope)))
      addCounts(counts, await tryObjects(context, kind, objects));
    return { done: true, counts };
  },
});

async function planNext(
  context: Context,
  { kind: at, continueToken, retries }: z.infer<typeof Cursor>,
): Promise<SweepPlan> {
  const kind = NATIVE_KINDS[at];
  if (kind === undefined) return judge(context);
  const { batches, next } = await planV1Page(context, kind, continueToken);
  const isLast = next === undefined && at + 1 === NATIVE_KINDS.length;
  const cursor = next === undefined ? { kind: at + 1, retries } : { kind: at, continueToken: next, retries };
  return { batches, cursor, ...(isLast ? { barrier: true } : {}) };
}

async function judge(context: Context): Promise<SweepPlan> {
  const refused = await countProblems(blockers(context), ({ state }) => state === "failed");
  if (refused.count > 0) throw copyRefused(refused, { where: "the old group", otherwise: WITHOUT_IT });
  const { count, items } = await countProblems(untried(context), ({ state }) => state === "failed");
  await context.record({ untried: count, untriedFirst: items });
  return { batches: [], done: true };
}
