import { z } from "zod";
import type { WaitRequest } from "../../engine/migration.ts";
import { ledgerPages } from "../../engine/ledger.ts";
import type {
  Checkpoint,
  CheckpointId,
  CheckpointState,
  NewBatch,
  TargetCollision,
} from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { addResources } from "./add-resources.ts";
import { type Context, changes, conversion, decisions, resources } from "./context.ts";
import { copyAll, takeAway } from "./copy.ts";
import { detailOf, isLeftOut } from "../copying/ledger-detail.ts";
import { conflictsMoved } from "./moved-conflicts.ts";
import { readSources } from "./source.ts";
import { firstUnsettled } from "../copying/unsettled.ts";
import { COPIED_RANKS } from "./stages/pre-copy.ts";

/** New values rank by rank, then deletions in the reverse order: what is referred to comes first and goes last. */
const STEPS: readonly { type: "put" | "delete"; rank: number }[] = [
  ...COPIED_RANKS.map((rank) => ({ type: "put" as const, rank })),
  ...COPIED_RANKS.toReversed().map((rank) => ({ type: "delete" as const, rank })),
];

const PAGE = 1000;
const NAMED = 5;
const Scope = z.object({ type: z.enum(["put", "delete"]), rank: z.int(), keys: z.array(z.string()) });

/** Where applying goes on. */
export const ApplyingAt = z.object({
  step: z.int(),
  /** The last key of the step that was planned; left out before the first. */
  after: z.object({ rank: z.int(), key: z.string() }).optional(),
  /** What could not be written is tried again. */
  again: z.boolean(),
  /** How often the run had been resumed when what could not be written was tried last. */
  retries: z.int(),
});
export type ApplyingAt = z.infer<typeof ApplyingAt>;

/** Applying from the start. */
export function applyingFromStart(context: Context): ApplyingAt {
  return { step: 0, again: false, retries: context.run.retriesSeen };
}

/** A step of applying: batches and where to go on, a wait, or that all is applied. */
export type ApplyingStep =
  { batches: readonly NewBatch[]; next: ApplyingAt } | { wait: WaitRequest } | "applied";

/**
 * Plans the next batches of the changes that are recorded and not applied, to be worked on before it is called again. What
 * could not be written is tried again once after a resume, or when a person has settled a conflict in the clusters.
 */
export async function stepOfApplying(context: Context, at: ApplyingAt): Promise<ApplyingStep> {
  const planned = await planChanges(context, at);
  if (planned !== undefined) return planned;
  const left = await firstUnsettled(resources(context), COPIED_RANKS);
  if (left === undefined) return "applied";
  const isResumed = at.retries < context.run.retriesSeen;
  if (!isResumed && !(await conflictsMoved(context, COPIED_RANKS))) return left();
  return { batches: [], next: { step: 0, again: true, retries: context.run.retriesSeen } };
}

/** Applies all changes that are recorded and not applied, without batches: for the few that come late. */
export async function applyAllChanges(context: Context): Promise<{ wait: WaitRequest } | undefined> {
  for (let at = applyingFromStart(context); ;) {
    const step = await stepOfApplying(context, at);
    if (step === "applied") return undefined;
    if ("wait" in step) return step;
    for (const { scope } of step.batches) await applyChanges(context, scope);
    at = step.next;
  }
}

/** True where changes are recorded and not applied: whoever recorded them may have died right after. */
export async function areChangesLeft(context: Context): Promise<boolean> {
  for await (const page of ledgerPages(changes(context), { states: ["pending"], limit: 1 }))
    if (page.length > 0) return true;
  return false;
}

/** The batches of the first step that has changes left, from where applying goes on; undefined when none has. */
async function planChanges(
  context: Context,
  at: ApplyingAt,
): Promise<{ batches: NewBatch[]; next: ApplyingAt } | undefined> {
  let { after } = at;
  for (let index = at.step; index < STEPS.length; index++, after = undefined) {
    const step = STEPS[index];
    if (step === undefined) break;
    const ids = await openChanges(context, { step, again: at.again, after });
    const last = ids.at(-1);
    if (last === undefined) continue;
    const keys = ids.map(({ key }) => key);
    return {
      batches: cut(step, keys, context.options.batchSize),
      next: { step: index, after: last, again: at.again, retries: at.retries },
    };
  }
  return undefined;
}

async function openChanges(
  context: Context,
  { step, again, after }: { step: (typeof STEPS)[number]; again: boolean; after: ApplyingAt["after"] },
): Promise<CheckpointId[]> {
  const states: CheckpointState[] = again ? ["pending", "failed", "conflict"] : ["pending"];
  const query = { rank: step.rank, states, limit: PAGE };
  const found: CheckpointId[] = [];
  for await (const page of ledgerPages(changes(context), after === undefined ? query : { ...query, after })) {
    const ofType = page.filter(({ detail }) => detail["type"] === step.type);
    found.push(...ofType.map(({ rank, key }) => ({ rank, key })));
    if (found.length >= PAGE) return found;
  }
  return found;
}

function cut(
  step: { type: "put" | "delete"; rank: number },
  keys: readonly string[],
  size: number,
): NewBatch[] {
  const batches: NewBatch[] = [];
  for (let start = 0; start < keys.length; start += size) {
    const part = keys.slice(start, start + size);
    batches.push({ scope: { ...step, keys: part }, size: part.length });
  }
  return batches;
}

/** Applies the changes of one batch, and records that they are applied. */
export async function applyChanges(
  context: Context,
  batchScope: JsonObject,
): Promise<Record<string, number>> {
  const scope = Scope.parse(batchScope);
  const found = await changes(context).get(scope.keys.map((key) => ({ rank: scope.rank, key })));
  const rows = found.filter(({ state, detail }) => state !== "applied" && detail["type"] === scope.type);
  const counts = scope.type === "put" ? await applyPuts(context, rows) : await applyDeletions(context, rows);
  await recordOutcomes(context, rows);
  return counts;
}

/** A change is applied when its resource is settled; otherwise it has the resource's state. */
async function recordOutcomes(context: Context, rows: readonly Checkpoint[]): Promise<void> {
  const now = new Map((await resources(context).get(rows)).map((row) => [row.key, row.state]));
  const outcome = (key: string): CheckpointState => {
    const state = now.get(key);
    return state === "failed" || state === "conflict" ? state : "applied";
  };
  await changes(context).put(rows.map((row) => ({ ...row, state: outcome(row.key) })));
}

async function applyPuts(context: Context, rows: readonly Checkpoint[]): Promise<Record<string, number>> {
  const convert = await conversion(context);
  const known = new Map((await resources(context).get(rows)).map((row) => [row.key, row]));
  const kept = rows.flatMap((change) => keptRow(known.get(change.key), change) ?? []);
  const fresh = rows.filter((change) => keptRow(known.get(change.key), change) === undefined);
  // What became another object before is taken away first, while its checkpoint still tells of it.
  const outdated = fresh.flatMap(({ key }) => known.get(key) ?? []);
  await Promise.all(outdated.map((row) => takeAway(context, row, convert.targetGroup)));
  const present = (
    await readSources(
      context,
      fresh.map((change) => newCheckpoint(change, known.get(change.key))),
    )
  ).filter(({ source }) => source !== undefined);
  const { added, refused } = await addResources(
    context,
    present.map(({ checkpoint }) => checkpoint),
  );
  const sources = await readSources(context, [...kept, ...added]);
  const counts = await copyAll(context, "replace", convert, sources);
  if (refused.length > 0) throw collision(refused);
  return counts;
}

/** The checkpoint of a resource that is copied, or left out by a person, and becomes the same object as before. */
function keptRow(row: Checkpoint | undefined, change: Checkpoint): Checkpoint | undefined {
  if (row === undefined || row.target !== change.detail["target"]) return undefined;
  return row.state !== "reverted" || isLeftOut(row) ? row : undefined;
}

function collision(refused: readonly TargetCollision[]): MigratorError {
  const named = refused
    .slice(0, NAMED)
    .map(({ key, existingKey, target }) => `${key} and ${existingKey} (${target})`);
  return new MigratorError(
    "CATCH_UP_BLOCKED",
    `since the copy, resources came to the source that become the same object as another: ${named.join("; ")}`,
    {
      next: "Rename or delete one of each two in etcd and `resume`, or undo the run with `rollback`.",
      details: { keys: refused.map(({ key }) => key) },
    },
  );
}

/** What was in the place of an object before this run stays known when its resource comes again. */
function newCheckpoint(change: Checkpoint, known: Checkpoint | undefined): Checkpoint {
  const { kind, namespace, target } = z
    .object({ kind: z.string(), namespace: z.string().optional(), target: z.string() })
    .parse(change.detail);
  const before = known?.target === target ? known.detail["before"] : undefined;
  const detail = {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(before === undefined ? {} : { before }),
  };
  return { ...change, state: "pending", target, detail };
}

async function applyDeletions(
  context: Context,
  rows: readonly Checkpoint[],
): Promise<Record<string, number>> {
  const { targetGroup } = await decisions(context);
  const known = (await resources(context).get(rows)).filter((row) => detailOf(row).gone !== true);
  const removed = await Promise.all(known.map((row) => takeAway(context, row, targetGroup)));
  await resources(context).put(removed);
  return { deleted: removed.length };
}
