import { z } from "zod";
import type { WaitRequest } from "../../engine/migration.ts";
import type { Checkpoint, CheckpointState, NewBatch, TargetCollision } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { addResources } from "./add-resources.ts";
import { type Context, changes, conversion, decisions, resources } from "./context.ts";
import { copyAll } from "./copy.ts";
import { withDetail } from "../copying/ledger-detail.ts";
import { readSources } from "./source.ts";
import { removeTarget } from "../target/remove.ts";
import { refOf } from "./target-refs.ts";
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

/**
 * The batches of the first step from `from` on that has changes left; undefined when none has. With `again`, those that
 * could not be written before are among them.
 */
export async function planChanges(
  context: Context,
  from: number,
  again: boolean,
): Promise<{ batches: NewBatch[]; nextStep: number } | undefined> {
  for (let index = from; index < STEPS.length; index++) {
    const step = STEPS[index];
    if (step === undefined) break;
    const keys = await pendingKeys(context, step, again);
    if (keys.length === 0) continue;
    return {
      batches: cut(step, keys, context.options.batchSize),
      // What is tried again may fail again: each step is gone through once, and what is left is told.
      nextStep: keys.length < PAGE || again ? index + 1 : index,
    };
  }
  return undefined;
}

async function pendingKeys(
  context: Context,
  step: { type: string; rank: number },
  again: boolean,
): Promise<string[]> {
  const states: CheckpointState[] = again ? ["pending", "failed", "conflict"] : ["pending"];
  const keys: string[] = [];
  let after: { rank: number; key: string } | undefined;
  for (;;) {
    const query = { rank: step.rank, states, limit: PAGE };
    const page = await changes(context).list(after === undefined ? query : { ...query, after });
    keys.push(...page.filter(({ detail }) => detail["type"] === step.type).map(({ key }) => key));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE || keys.length >= PAGE) return keys.slice(0, PAGE);
    after = { rank: last.rank, key: last.key };
  }
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
  const known = await resources(context).get(rows);
  const found = new Set(known.map(({ key }) => key));
  const fresh = rows.filter(({ key }) => !found.has(key)).map(newCheckpoint);
  const present = (await readSources(context, fresh)).filter(({ source }) => source !== undefined);
  const { added, refused } = await addResources(
    context,
    present.map(({ checkpoint }) => checkpoint),
  );
  const sources = await readSources(context, [...known, ...added]);
  const counts = await copyAll(context, "replace", await conversion(context), sources);
  if (refused.length > 0) throw collision(refused);
  return counts;
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

function newCheckpoint(change: Checkpoint): Checkpoint {
  const { kind, namespace, target } = z
    .object({ kind: z.string(), namespace: z.string().optional(), target: z.string() })
    .parse(change.detail);
  const detail = namespace === undefined ? { kind } : { kind, namespace };
  return { ...change, state: "pending", target, detail };
}

async function applyDeletions(
  context: Context,
  rows: readonly Checkpoint[],
): Promise<Record<string, number>> {
  const known = (await resources(context).get(rows)).filter(({ state }) => state !== "reverted");
  const { targetGroup } = await decisions(context);
  const removed = await Promise.all(
    known.map(async (row) => {
      await removeTarget(context, row, refOf(row, targetGroup));
      return withDetail({ ...row, state: "reverted" }, { gone: true });
    }),
  );
  await resources(context).put(removed);
  return { deleted: removed.length };
}

/** What of the changes could not be written, as `unsettled` says it. */
export function unsettledChanges(context: Context): Promise<(() => { wait: WaitRequest }) | undefined> {
  return firstUnsettled(resources(context), COPIED_RANKS);
}
