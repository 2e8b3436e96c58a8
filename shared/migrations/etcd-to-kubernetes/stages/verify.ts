import { z } from "zod";
import type { ForwardContext } from "../../../calico/forwarded.ts";
import { KINDS } from "../../../calico/kinds.ts";
import type { BatchOutcome, Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../../engine/records.ts";
import { MigratorError } from "../../../errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Comparison, compareResource } from "../compare.ts";
import { type Context, conversion } from "../context.ts";
import { detailOf, withDetail } from "../ledger-detail.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { compareKind, type Pair } from "./verify-kind.ts";

/** How a verification judges. */
export interface VerifyTraits {
  name: string;
  title: string;
  /** What has changed in the source since it was copied: left for catching up, or a difference. */
  sourceChanged: "later" | "difference";
  /** What others have written to the target since it was copied: a difference, or only noted. */
  writtenByOthers: "difference" | "noted";
}

const NAMED = 5;

const Cursor = z.object({ phase: z.literal("judge"), retries: z.int() });
type Cursor = z.infer<typeof Cursor>;

const Scope = z.object({ kind: z.string(), attempt: z.int() });

/**
 * Reads both sides back and compares what they mean, kind by kind: every object that the target lists, and every resource
 * that it does not. A difference stops the run, named; after a resume everything is compared again.
 */
export function verifySweep(traits: VerifyTraits): Sweep<ClusterConnections, EtcdToKubernetesOptions> {
  return {
    kind: "sweep",
    name: traits.name,
    title: traits.title,
    plan: (context, cursor) => plan(traits, context, cursor === undefined ? undefined : Cursor.parse(cursor)),
    work: (context, batch) => work(traits, context, batch),
  };
}

/** The ledger of what a verification found different at one attempt. */
export function differencesLedger(stage: string, attempt: number): string {
  return `differences/${stage}/${attempt}`;
}

/** The ledger of what others have written since it was copied. */
export const NOTED_LEDGER = "written-by-others";

async function plan(traits: VerifyTraits, context: Context, cursor: Cursor | undefined): Promise<SweepPlan> {
  if (cursor === undefined) return planKinds(context);
  const differing = await context
    .ledger(differencesLedger(traits.name, cursor.retries))
    .list({ limit: NAMED, states: ["conflict"] });
  if (differing.length === 0) return { batches: [], done: true };
  if (cursor.retries < context.run.retriesSeen) return planKinds(context);
  throw verifyFailed(differing);
}

async function planKinds(context: Context): Promise<SweepPlan> {
  const retries = context.run.retriesSeen;
  const counts = z.record(z.string(), z.int()).parse((await context.notesOf("preflight"))["byKind"] ?? {});
  const kinds = KINDS.filter(({ carried, rank }) => carried === true && rank > 0).map(({ kind }) => kind);
  const batches = kinds.map((kind) => ({ scope: { kind, attempt: retries }, size: counts[kind] ?? 0 }));
  return { batches, cursor: { phase: "judge", retries }, barrier: true };
}

async function work(
  traits: VerifyTraits,
  context: Context,
  batch: Readonly<BatchRecord>,
): Promise<BatchOutcome> {
  const { kind, attempt } = Scope.parse(batch.scope);
  const convert = await conversion(context);
  return compareKind(context, convert, { kind, batch }, (pairs) =>
    judge(traits, context, convert, { attempt, pairs }),
  );
}

async function judge(
  traits: VerifyTraits,
  context: Context,
  convert: ForwardContext,
  { attempt, pairs }: { attempt: number; pairs: readonly Pair[] },
): Promise<void> {
  const different: Checkpoint[] = [];
  const noted: Checkpoint[] = [];
  for (const pair of pairs) {
    const comparison = await compareResource(context, convert, pair);
    if (comparison.result === "source-changed" && traits.sourceChanged === "later") continue;
    if (comparison.result === "equal") continue;
    if (isNoted(traits, comparison)) noted.push(differing(pair.checkpoint, comparison));
    else different.push(differing(pair.checkpoint, comparison));
  }
  await context.ledger(differencesLedger(traits.name, attempt)).put(different);
  await context.ledger(NOTED_LEDGER).put(noted);
}

function isNoted(traits: VerifyTraits, comparison: Comparison): boolean {
  return comparison.result === "different" && comparison.byOthers && traits.writtenByOthers === "noted";
}

function differing(checkpoint: Checkpoint, comparison: Comparison): Checkpoint {
  const reason =
    comparison.result === "different" ? comparison.message : "the source has changed since it was copied";
  return withDetail({ ...checkpoint, state: "conflict" }, { code: "VERIFY_DIFFERS", reason });
}

function verifyFailed(differing: readonly Checkpoint[]): MigratorError {
  const named = differing.map((one) => `${one.target} (${detailOf(one).reason ?? ""})`).join("; ");
  const more = differing.length === NAMED ? "; and perhaps more" : "";
  return new MigratorError(
    "VERIFY_FAILED",
    `the target does not mean what the source means: ${named}${more}`,
    {
      next: "Look at `calico-migrator diff RUN`; mend the target and `resume`, or undo the run with `rollback`.",
    },
  );
}
