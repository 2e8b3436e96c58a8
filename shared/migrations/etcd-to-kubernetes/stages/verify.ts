import { z } from "zod";
import { kindInfo, KINDS, targetKind } from "../../../calico/kinds.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import type { BatchOutcome, Sweep, SweepPlan, WaitRequest } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../../engine/records.ts";
import { MigratorError } from "../../../errors.ts";
import type { JsonObject } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Comparison, compareResource } from "../compare.ts";
import { type Context, conversion, decisions, resources } from "../context.ts";
import { detailOf, withDetail } from "../ledger-detail.ts";
import { rangesByRank } from "../ledger-ranges.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readSources } from "../source.ts";
import { call, readTarget } from "../target-calls.ts";
import { objectTargetId, refOf } from "../target-refs.ts";
import { COPIED_RANKS } from "./pre-copy.ts";

/** How a verification judges. */
export interface VerifyTraits {
  name: string;
  title: string;
  /** What has changed in the source since it was copied: left for catching up, or a difference. */
  sourceChanged: "later" | "difference";
  /** What others have written to the target since it was copied: a difference, or only noted. */
  writtenByOthers: "difference" | "noted";
}

const PAGE = 500;
const PAGES_PER_WORK = 10;
const NAMED = 5;

const Cursor = z.object({
  phase: z.enum(["missing", "judge"]),
  after: z.object({ rank: z.int(), key: z.string() }).optional(),
  retries: z.int(),
});
type Cursor = z.infer<typeof Cursor>;

const Scope = z.union([
  z.object({ kind: z.string(), attempt: z.int() }),
  z.object({ rank: z.int(), from: z.string(), to: z.string(), attempt: z.int() }),
]);
const Progress = z.object({ continueToken: z.string() });

/**
 * Reads both sides back and compares what they mean: first every object that the target lists, kind by kind; then every
 * resource that no list has shown. A difference stops the run, named; after a resume everything is compared again.
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

async function plan(
  traits: VerifyTraits,
  context: Context,
  cursor: Cursor | undefined,
): Promise<SweepPlan | { wait: WaitRequest }> {
  if (cursor === undefined) return planKinds(context);
  if (cursor.phase === "missing") return planMissing(context, cursor);
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
  return { batches, cursor: { phase: "missing", retries }, barrier: true };
}

async function planMissing(context: Context, cursor: Cursor): Promise<SweepPlan> {
  const after = cursor.after === undefined ? {} : { after: cursor.after };
  const page = await resources(context).list({ ...after, limit: PAGE * PAGES_PER_WORK });
  const last = page.at(-1);
  if (last === undefined)
    return { batches: [], cursor: { phase: "judge", retries: cursor.retries }, barrier: true };
  const batches = rangesByRank(page, COPIED_RANKS).map((range) => ({
    scope: { ...range, attempt: cursor.retries },
    size: 0,
  }));
  const next = { rank: last.rank, key: last.key };
  return { batches, cursor: { phase: "missing", after: next, retries: cursor.retries } };
}

async function work(
  traits: VerifyTraits,
  context: Context,
  batch: Readonly<BatchRecord>,
): Promise<BatchOutcome> {
  const scope = Scope.parse(batch.scope);
  if ("kind" in scope) return compareListed(traits, context, scope, batch);
  const counts: Record<string, number> = {};
  const query = { rank: scope.rank, upTo: scope.to, states: ["applied", "verified"] as const, limit: PAGE };
  const first = await resources(context).get([{ rank: scope.rank, key: scope.from }]);
  await compareUnlisted(traits, context, scope.attempt, first, counts);
  for await (const page of ledgerPages(resources(context), {
    ...query,
    after: { rank: scope.rank, key: scope.from },
  })) {
    await compareUnlisted(traits, context, scope.attempt, page, counts);
  }
  return { done: true, counts };
}

/** Compares what the target lists of one kind. */
async function compareListed(
  traits: VerifyTraits,
  context: Context,
  scope: { kind: string; attempt: number },
  batch: Readonly<BatchRecord>,
): Promise<BatchOutcome> {
  const { targetGroup } = await decisions(context);
  const ref = targetKind(kindInfo(scope.kind), targetGroup);
  let token = batch.progress === undefined ? undefined : Progress.parse(batch.progress).continueToken;
  for (let pages = 0; pages < PAGES_PER_WORK; pages++) {
    const page = await call(context, () =>
      context.connections.kubernetes.list(ref, { limit: PAGE, continueToken: token, signal: context.signal }),
    );
    await compareObjects(traits, context, scope.attempt, ref, page.items);
    token = page.continueToken;
    if (token === undefined) return { done: true, counts: { verified: batch.size } };
  }
  return token === undefined
    ? { done: true, counts: {} }
    : { more: true, progress: { continueToken: token } };
}

async function compareObjects(
  traits: VerifyTraits,
  context: Context,
  attempt: number,
  ref: { kind: string; plural: string; apiVersion: string },
  objects: readonly JsonObject[],
): Promise<void> {
  const byId = new Map(objects.map((object) => [objectTargetId(ref, object), object]));
  const found = await resources(context).findByTarget([...byId.keys()]);
  const rows = found.filter(({ state }) => state === "applied" || state === "verified");
  const pairs = await readSources(context, rows);
  await judge(
    traits,
    context,
    attempt,
    pairs.map((pair) => ({ ...pair, target: byId.get(pair.checkpoint.target) })),
  );
}

/** Compares, one by one, what no list has shown: missing in the target, or created while it was listed. */
async function compareUnlisted(
  traits: VerifyTraits,
  context: Context,
  attempt: number,
  page: readonly Checkpoint[],
  counts: Record<string, number>,
): Promise<void> {
  const unseen = page.filter(
    (row) => row.state !== "reverted" && detailOf(row).pass !== passOf(traits, attempt),
  );
  const pairs = await readSources(context, unseen);
  const { targetGroup } = await decisions(context);
  const withTargets = await Promise.all(
    pairs.map(async (pair) => ({
      ...pair,
      target: await readTarget(context, refOf(pair.checkpoint, targetGroup)),
    })),
  );
  await judge(traits, context, attempt, withTargets);
  counts["readOneByOne"] = (counts["readOneByOne"] ?? 0) + unseen.length;
}

function passOf(traits: VerifyTraits, attempt: number): string {
  return `${traits.name}/${attempt}`;
}

async function judge(
  traits: VerifyTraits,
  context: Context,
  attempt: number,
  pairs: readonly Parameters<typeof compareResource>[2][],
): Promise<void> {
  const convert = await conversion(context);
  const verified: Checkpoint[] = [];
  const different: Checkpoint[] = [];
  const noted: Checkpoint[] = [];
  for (const pair of pairs) {
    const comparison = await compareResource(context, convert, pair);
    if (comparison.result === "source-changed" && traits.sourceChanged === "later") continue;
    const pass = passOf(traits, attempt);
    if (comparison.result === "equal")
      verified.push(withDetail({ ...pair.checkpoint, state: "verified" }, { pass }));
    else if (isNoted(traits, comparison)) noted.push(differing(pair.checkpoint, comparison));
    else different.push(differing(pair.checkpoint, comparison));
  }
  await context.ledger(differencesLedger(traits.name, attempt)).put(different);
  await context.ledger(NOTED_LEDGER).put(noted);
  await resources(context).put(verified);
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
