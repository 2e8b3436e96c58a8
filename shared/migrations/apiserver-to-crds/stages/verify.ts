import { z } from "zod";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import type { BatchOutcome, Sweep } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../../engine/records.ts";
import type { Json } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { forgetProblems } from "../../copying/problems.ts";
import { differencesLedger, verifyKinds } from "../../copying/verify-kinds.ts";
import { BEGINNING, type Judgement, KindComparison, Progress } from "../compare-kind.ts";
import { type Context, isPrecopied, isRemoved, nativeVersion } from "../context.ts";
import { lossNames, takeOut } from "../left-out.ts";
import { awaitApproval, NATIVE_CHANGES } from "../late-native.ts";
import { mendingCommands } from "../native-command.ts";
import { throughNative } from "../native-access.ts";
import { nativePresent } from "../native-look.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";

/** How a verification judges. */
interface VerifyTraits extends Omit<Judgement, "report"> {
  name: string;
  title: string;
}

const PAGE = 500;
const PAGES_PER_WORK = 10;
const Attempt = z.object({ retries: z.int() });

/**
 * Reads the copies back and compares what they mean with what was read of the v1 objects, and these with what they were then;
 * and finds the native objects that are no copies.
 */
export function verifySweep(traits: VerifyTraits): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  const { name, title } = traits;
  const sweep = verifyKinds<ApiserverToCrdsOptions>({
    name,
    title,
    kinds: NATIVE_KINDS.map(({ kind }) => kind),
    mend: async (context, differing) => mendingCommands(await nativeVersion(context), differing),
    compare: (context, { kind, attempt, batch }) => compareKind(traits, context, { kind, attempt, batch }),
  });
  /** A person may have taken days: what was compared before says little by now. */
  const compareAgain = async (context: Context, stage: string, attempt: number) => {
    await forgetProblems(context.ledger(differencesLedger(stage, attempt)));
    await context.record({ waited: false });
    return sweep.plan(context, undefined);
  };
  return throughNative({
    ...sweep,
    asks: [{ subject: NATIVE_CHANGES, kind: "found" }],
    plan: async (context, cursor) => {
      if (!(await isReachable(context))) return { batches: [], done: true };
      const isFresh = cursor === undefined || Attempt.parse(cursor).retries < context.run.retriesSeen;
      if (isFresh && traits.sourceChanged === "later") await takeOut(context);
      // Recorded before anything is compared: what is written to native objects after that is found by their changes
      // since these versions.
      if (cursor === undefined && traits.sourceChanged === "later")
        await context.record({ nativeSince: { ...(await nativePresent(context)) } });
      const plan = await sweep.plan(context, cursor);
      if ("wait" in plan || plan.done !== true) return plan;
      const attempt = Attempt.parse(cursor).retries;
      const left = await awaitApproval(context, toBeApproved(context, name, attempt));
      if (left === undefined) {
        if (context.notes["waited"] === true) return compareAgain(context, name, attempt);
        await context.record({ leftOut: await lossNames(context) });
        return plan;
      }
      // A person who resumes the run may have put them right.
      if (attempt < context.run.retriesSeen) return sweep.plan(context, undefined);
      await context.record({ waited: true });
      return left;
    },
  });
}

function toBeApproved(context: Context, stage: string, attempt: number): AsyncIterable<Checkpoint[]> {
  const query = { states: ["pending"], limit: PAGE } as const;
  return ledgerPages(context.ledger(differencesLedger(stage, attempt)), query);
}

/** Without the second version nobody can look at native objects before the aggregated API server is gone. */
async function isReachable(context: Context): Promise<boolean> {
  return (await isPrecopied(context)) || isRemoved(context);
}

async function compareKind(
  { name: stage, sourceChanged, changedByOthers }: VerifyTraits,
  context: Context,
  { kind: name, attempt, batch }: { kind: string; attempt: number; batch: Readonly<BatchRecord> },
): Promise<BatchOutcome> {
  const kind = NATIVE_KINDS.find((one) => one.kind === name);
  if (kind === undefined) throw new Error(`no kind is called ${name}`);
  if (!(await isReachable(context))) return { done: true, counts: {} };
  const report: Judgement["report"] = async (rows) => {
    await context.ledger(differencesLedger(stage, attempt)).put(rows);
  };
  const comparison = await KindComparison.of({ sourceChanged, changedByOthers, report }, context, kind);
  let at: Progress = batch.progress === undefined ? BEGINNING : Progress.parse(batch.progress);
  for (let pages = 0; pages < PAGES_PER_WORK; pages++) {
    const next = await comparison.page(at);
    if (next === undefined) return { done: true, counts: { verified: batch.size } };
    at = next;
  }
  return { more: true, progress: at satisfies Json };
}
