import { z } from "zod";
import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { MigratorError } from "../../../errors.ts";
import type { JsonObject } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { countMore, differencesLedger } from "../../copying/verify-kinds.ts";
import { compareResource } from "../compare.ts";
import { type Context, changes, conversion, resources } from "../context.ts";
import { detailOf, isLeftOut } from "../../copying/ledger-detail.ts";
import { hasLostHome } from "../homes.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readSources } from "../source.ts";
import { isOurs } from "../../target/ownership.ts";
import { readTarget } from "../../target/calls.ts";
import { refOf } from "../target-refs.ts";

const NAME = "verify-changes";
const NAMED = 5;
const Cursor = z.object({
  after: z.object({ rank: z.int(), key: z.string() }).optional(),
  judge: z.boolean(),
  retries: z.int(),
});
const Scope = z.object({ ids: z.array(z.object({ rank: z.int(), key: z.string() })), attempt: z.int() });

/** Reads back and compares, inside the lock, only what changed since the copy. */
export const verifyChanges: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: NAME,
  title: "compare what changed since the copy on both sides",
  plan: async (context, previous) => {
    const retries = context.run.retriesSeen;
    const cursor = previous === undefined ? { judge: false, retries } : Cursor.parse(previous);
    if (cursor.judge && cursor.retries >= retries) return judge(context, cursor.retries);
    const at = cursor.judge ? { judge: false, retries } : cursor;
    const after = at.after === undefined ? {} : { after: at.after };
    const page = await changes(context).list({ ...after, limit: context.options.batchSize });
    const last = page.at(-1);
    if (last === undefined)
      return { batches: [], cursor: { judge: true, retries: at.retries }, barrier: true };
    const ids = page.map(({ rank, key }) => ({ rank, key }));
    const next = { ...at, after: { rank: last.rank, key: last.key } };
    return { batches: [{ scope: { ids, attempt: at.retries }, size: ids.length }], cursor: next };
  },
  work: async (context, batch) => {
    const { ids, attempt } = Scope.parse(batch.scope);
    return { done: true, counts: await compareChanges(context, ids, attempt) };
  },
};

async function judge(context: Context, attempt: number): Promise<{ batches: []; done: true }> {
  const differences = context.ledger(differencesLedger(NAME, attempt));
  const differing = await differences.list({ limit: NAMED });
  if (differing.length === 0) return { batches: [], done: true };
  const named = differing.map((one) => `${one.target} (${detailOf(one).reason ?? ""})`).join("; ");
  const more = await countMore(differences, differing);
  throw new MigratorError("VERIFY_FAILED", `what changed since the copy differs: ${named}${more}`, {
    next: "Mend the target and `resume`, or undo the run with `rollback`.",
  });
}

async function compareChanges(
  context: Context,
  ids: readonly { rank: number; key: string }[],
  attempt: number,
): Promise<Record<string, number>> {
  const rows = await resources(context).get(ids);
  const convert = await conversion(context);
  const differing = [];
  for (const { checkpoint, source } of await readSources(context, rows)) {
    const target = await readTarget(context, refOf(checkpoint, convert.targetGroup));
    if (isLeftOut(checkpoint)) continue;
    const reason =
      checkpoint.state === "reverted"
        ? leftOver(context, checkpoint, source !== undefined, target)
        : await differs(context, convert, { checkpoint, source, target });
    if (reason !== undefined) {
      differing.push({ ...checkpoint, state: "conflict" as const, detail: { ...checkpoint.detail, reason } });
    }
  }
  await context.ledger(differencesLedger(NAME, attempt)).put(differing);
  return { verified: rows.length - differing.length };
}

/** What was there before this run, is somebody else's, or has become that of another resource is not left over. */
function leftOver(
  context: Context,
  checkpoint: Checkpoint,
  inSource: boolean,
  target: JsonObject | undefined,
): string | undefined {
  if (inSource || target === undefined || !isOurs(context, target)) return undefined;
  const isAnothers = checkpoint.target === checkpoint.key;
  if (isAnothers || detailOf(checkpoint).before !== undefined) return undefined;
  return "it is gone from the source, and still in the target";
}

/** What has been written in spite of the lock since, or went with its namespace, is caught up with, and told, before the unlock. */
async function differs(
  context: Context,
  convert: Awaited<ReturnType<typeof conversion>>,
  pair: Parameters<typeof compareResource>[2],
): Promise<string | undefined> {
  const comparison = await compareResource(context, convert, pair);
  if (comparison.result !== "different") return undefined;
  return (await hasLostHome(context, pair.checkpoint, pair.target)) ? undefined : comparison.message;
}
