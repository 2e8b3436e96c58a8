import { z } from "zod";
import { crdName } from "../../../calico/kinds.ts";
import type { Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { copyRefused } from "../../copying/problems.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { blockers, type Context, decisions, resources } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { countedProblems } from "../preflight/listed.ts";
import { readSchemas } from "../preflight/surroundings.ts";
import { forgetTrials, SERVER_REFUSES, tryResources } from "../try-resources.ts";

const BATCHES_PER_STEP = 10;
const Id = z.object({ rank: z.int(), key: z.string() });
const Cursor = z.object({ after: Id.optional(), judge: z.boolean(), retries: z.int() });
const Scope = z.object({ ids: z.array(Id), now: z.boolean() });
/** A run whose preflight was of an earlier version has tried nothing, and copies as it would have then. */
const Tried = z.object({
  servedCrds: z.array(z.string()).optional(),
  byKind: z.record(z.string(), z.int()).default({}),
});

/**
 * Lets the API server judge what it could not in preflight, as the CRDs were not there yet: all of it, before anything is
 * copied, so that all faults are told at once. After a resume everything of these kinds is tried again, as it is in etcd now.
 */
export const tryCopy: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: "try-copy",
  title: "try every object whose CRD was not there before, by a dry run",
  plan: async (context, previous) => {
    const retries = context.run.retriesSeen;
    const cursor = previous === undefined ? { judge: false, retries } : Cursor.parse(previous);
    if (cursor.judge && cursor.retries < retries) return planPage(context, { judge: false, retries });
    return cursor.judge ? judge(context) : planPage(context, cursor);
  },
  work: async (context, batch) => {
    const { ids, now } = Scope.parse(batch.scope);
    const rows = await resources(context).get(ids);
    await forgetTrials(context, rows);
    const { targetGroup } = await decisions(context);
    const schemas = await readSchemas(context, targetGroup);
    return { done: true, counts: await tryResources(context, schemas, rows, { now }) };
  },
};

async function planPage(context: Context, cursor: z.infer<typeof Cursor>): Promise<SweepPlan> {
  const isUntried = await untriedRows(context);
  if (isUntried === undefined) return { batches: [], done: true };
  const { batchSize } = context.options;
  const { after, ...rest } = cursor;
  const limit = batchSize * BATCHES_PER_STEP;
  const page = await resources(context).list({ ...(after === undefined ? {} : { after }), limit });
  const ids = page.filter(isUntried).map(({ rank, key }) => ({ rank, key }));
  const batches = [];
  for (let start = 0; start < ids.length; start += batchSize) {
    const part = ids.slice(start, start + batchSize);
    batches.push({ scope: { ids: part, now: cursor.retries > 0 }, size: part.length });
  }
  const last = page.at(-1);
  if (last === undefined || page.length < limit)
    return { batches, cursor: { ...rest, judge: true }, barrier: true };
  return { batches, cursor: { ...rest, after: { rank: last.rank, key: last.key } } };
}

/** Which rows preflight could not try; undefined when it has tried all. */
async function untriedRows(context: Context): Promise<((row: Checkpoint) => boolean) | undefined> {
  const { servedCrds, byKind } = Tried.parse(await context.notesOf("preflight"));
  const { targetGroup } = await decisions(context);
  const isUntried = (kind: string): boolean => {
    const name = crdName(kind, targetGroup);
    return name !== undefined && servedCrds?.includes(name) === false;
  };
  const kinds = new Set(Object.keys(byKind).filter(isUntried));
  return kinds.size === 0 ? undefined : (row) => kinds.has(detailOf(row).kind);
}

async function judge(context: Context): Promise<SweepPlan> {
  const { pinnedRevision } = await decisions(context);
  const refused = await countedProblems(
    { notes: { pinnedRevision } },
    blockers(context),
    ({ detail }) => detail["code"] === SERVER_REFUSES,
  );
  if (refused.count > 0) throw copyRefused(refused, { where: "etcd" });
  return { batches: [], done: true };
}
