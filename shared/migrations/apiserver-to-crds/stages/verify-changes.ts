import { z } from "zod";
import type { Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { MigratorError } from "../../../errors.ts";
import type { JsonObject } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { countMore, differencesLedger, differing } from "../../copying/verify-kinds.ts";
import { detailOf, isLeftOut, type ResourceDetail, withDetail } from "../../copying/ledger-detail.ts";
import { readTarget } from "../../target/calls.ts";
import { isLeaving, leavingText } from "../../target/leaving.ts";
import { whyNotCarried } from "../compare-v1.ts";
import { changed, type Context, isPrecopied, nativeVersion, resources } from "../context.ts";
import { nativeStateOf } from "../judge-native.ts";
import { mendingCommands } from "../native-command.ts";
import { throughNative } from "../native-access.ts";
import { judgeAllNatives } from "../native-look.ts";
import { nativeRefOf } from "../native-ref.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { v1Ref } from "../v1-ref.ts";

const NAME = "verify-changes";
const NAMED = 5;
const Cursor = z.object({
  after: z.object({ rank: z.int(), key: z.string() }).optional(),
  judge: z.boolean(),
  retries: z.int(),
});
type Cursor = z.infer<typeof Cursor>;
const Scope = z.object({ ids: z.array(z.object({ rank: z.int(), key: z.string() })), attempt: z.int() });

/** Reads back, inside the lock, only what changed since the copy, and compares both groups. */
export const verifyChanges: Sweep<ClusterConnections, ApiserverToCrdsOptions> = throughNative({
  kind: "sweep",
  name: NAME,
  title: "compare what changed since the copy in both groups",
  plan: async (context, previous) => {
    const retries = context.run.retriesSeen;
    // Through the second version these were compared while it was waited for quiet.
    if (previous === undefined && !(await isPrecopied(context))) await judgeAllNatives(context);
    const cursor = previous === undefined ? { judge: false, retries } : Cursor.parse(previous);
    if (cursor.judge && cursor.retries >= retries) return judge(context, cursor.retries);
    return planPage(context, cursor.judge ? { judge: false, retries } : cursor);
  },
  work: async (context, batch) => {
    const { ids, attempt } = Scope.parse(batch.scope);
    const rows = await resources(context).get(ids);
    const version = await nativeVersion(context);
    const found = await Promise.all(rows.map((row) => compare(context, version, row)));
    await context.ledger(differencesLedger(NAME, attempt)).put(found.flat());
    return { done: true, counts: { verified: rows.length - found.flat().length } };
  },
});

/** Both objects of a checkpoint, as far as they are there, and what of the v1 object is not carried. */
interface Sides {
  v1: JsonObject | undefined;
  late: string | undefined;
  native: JsonObject | undefined;
}

async function planPage(context: Context, cursor: Cursor): Promise<SweepPlan> {
  const after = cursor.after === undefined ? {} : { after: cursor.after };
  const page = await changed(context).list({ ...after, limit: context.options.batchSize });
  const last = page.at(-1);
  if (last === undefined)
    return { batches: [], cursor: { judge: true, retries: cursor.retries }, barrier: true };
  const ids = page.map(({ rank, key }) => ({ rank, key }));
  const next = { ...cursor, after: { rank: last.rank, key: last.key } };
  return { batches: [{ scope: { ids, attempt: cursor.retries }, size: ids.length }], cursor: next };
}

async function judge(context: Context, attempt: number): Promise<{ batches: []; done: true }> {
  const differences = context.ledger(differencesLedger(NAME, attempt));
  const found = await differences.list({ limit: NAMED });
  if (found.length === 0) return { batches: [], done: true };
  const mend = mendingCommands(await nativeVersion(context), found);
  const named = found.map((one) => `${one.key} (${detailOf(one).reason ?? ""})`).join("; ");
  const more = await countMore(differences, found);
  throw new MigratorError("VERIFY_FAILED", `what changed since the copy differs: ${named}${more}`, {
    next: `Mend the native objects and \`resume\`, or undo the run with \`abort\`.${mend}`,
  });
}

async function compare(context: Context, version: string, row: Checkpoint): Promise<Checkpoint[]> {
  if (isLeftOut(row)) return [];
  const { kind, ref } = v1Ref(row.key);
  const v1 = livingOnly(await readTarget(context, ref));
  const native = await readTarget(context, nativeRefOf(row, version));
  const late = v1 === undefined ? undefined : await whyNotCarried(context, kind, row, v1);
  const reason = row.state === "reverted" ? leftOver(row, v1, native) : differs(row, { v1, late, native });
  return reason === undefined ? [] : [withDetail(differing(row, reason), mendingOf({ v1, late, native }))];
}

/** What is missing is put right by no command. */
function mendingOf({ v1, native }: Sides): Pick<ResourceDetail, "mending"> {
  if (native === undefined) return {};
  return { mending: v1 === undefined ? "delete" : "edit" };
}

/** What is being deleted is as good as gone. */
function livingOnly(object: JsonObject | undefined): JsonObject | undefined {
  return object === undefined || isLeaving(object) ? undefined : object;
}

function leftOver(
  row: Checkpoint,
  v1: JsonObject | undefined,
  native: JsonObject | undefined,
): string | undefined {
  if (v1 !== undefined) return "it is in the old group again";
  const isOurs = row.detail["created"] === true;
  return isOurs && native !== undefined
    ? "it is gone from the old group, and still a native object"
    : undefined;
}

function differs(row: Checkpoint, { v1, late, native }: Sides): string | undefined {
  // What went from both groups, as with its namespace, is missed in neither; a copy alone would live on.
  if (v1 === undefined) return livingOnly(native) === undefined ? undefined : "the v1 object is gone again";
  if (late !== undefined) return "the v1 object has changed again";
  if (native === undefined) return "it is missing in projectcalico.org/v3";
  if (isLeaving(native)) return leavingText(native);
  return nativeStateOf(row, native) === "settled"
    ? undefined
    : "projectcalico.org/v3 holds something else than the copy";
}
