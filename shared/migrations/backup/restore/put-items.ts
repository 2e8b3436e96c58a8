import { LeaseLostError } from "../../../engine/errors.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { errorMessage, isRetryable, MigratorError } from "../../../errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { addCounts } from "../../copying/copy-each.ts";
import { isStale } from "./as-shown.ts";
import { keepBefore } from "./before.ts";
import { sideOf } from "./content.ts";
import { type Context, rows } from "./options.ts";
import type { Found, Item, Side, Written } from "./side.ts";
import { shownKey } from "./objects.ts";

const TRIES = 5;
const NAMED = 5;

/** Whether what is there is as it shall be. */
type Comparison = (item: Item, found: Found) => boolean;

interface Step {
  item: Item;
  found: Found | undefined;
  row: Checkpoint;
}

/**
 * Puts items back that differ from what is there, each with a row that says first what it replaces, so that it can be undone
 * whenever this ends. Repeatable. Throws RESTORE_REFUSED naming those that the API server does not take.
 */
export async function putItems(
  context: Context,
  items: readonly Item[],
  isSame?: Comparison,
): Promise<Record<string, number>> {
  const side = sideOf(context);
  const asBackedUp: Comparison = (item, found) => side.wants(item) === found.hash;
  const counts: Record<string, number> = {};
  let open = items;
  for (let attempt = 0; open.length > 0 && attempt < TRIES; attempt++) {
    const steps = await stepsOf(context, side, open, isSame ?? asBackedUp);
    const { outcomes, lost } = await writeAll(context, side, steps);
    addCounts(counts, outcomes);
    open = lost;
  }
  if (open.length > 0) throw disturbed(open);
  return counts;
}

/** Items that are to be written, with their intents recorded; those that are there already are marked so. */
async function stepsOf(
  context: Context,
  side: Side,
  items: readonly Item[],
  isSame: Comparison,
): Promise<Step[]> {
  const found = await side.read(items);
  const known = await rows(context).get(items.map(({ rank, key }) => ({ rank, key })));
  const byKey = new Map(known.map((row) => [row.key, row]));
  const steps: Step[] = [];
  const done: Checkpoint[] = [];
  const stale: string[] = [];
  for (const item of items) {
    const [row, present] = [byKey.get(item.key), found.get(item.key)];
    // Left out with a person's consent, or nothing that preflight has seen.
    if (row === undefined || isLeftOut(row)) continue;
    if (present !== undefined && isSame(item, present)) {
      if (row.state === "pending")
        done.push(isIntended(row) ? written(row, present) : { ...row, state: "verified" });
    } else if (isNew(row, present, item)) stale.push(item.key);
    else
      steps.push({
        item,
        found: present,
        row: await intended(context, row, { wants: side.wants(item), found: present }),
      });
  }
  if (stale.length > 0) throw changedSince(stale);
  await rows(context).put([...done, ...steps.map(({ row }) => row)]);
  return steps;
}

/**
 * True where somebody has written something since the dry run that nobody was shown. Addresses are given to pods up to the lock;
 * what is being deleted is named as that; and whoever writes once this run has begun to is disturbing it.
 */
function isNew(row: Checkpoint, found: Found | undefined, { delicate }: Item): boolean {
  const isKnown = isIntended(row) || row.state === "applied" || found?.ours === true;
  return delicate === undefined && !isKnown && found?.leaving === undefined && isStale(row, found);
}

/** What was there when this run came first is what the way back has to put back. */
async function intended(
  context: Context,
  row: Checkpoint,
  { wants, found }: { wants: string; found: Found | undefined },
): Promise<Checkpoint> {
  const isOurs = row.state === "applied" || found?.ours === true;
  if (isOurs && isIntended(row)) return { ...row, state: "pending" };
  const { created, before, beforeIn, was, ...detail } = row.detail;
  const kept =
    found === undefined
      ? { created: true }
      : { was: found.exact, ...(await keepBefore(context, row.key, found.before)) };
  return { ...row, state: "pending", detail: { ...detail, wants, ...kept } };
}

async function writeAll(
  context: Context,
  side: Side,
  steps: readonly Step[],
): Promise<{ outcomes: Record<string, number>; lost: Item[] }> {
  const results = await Promise.allSettled(steps.map(({ item, found }) => side.put(item, found)));
  const outcomes: Checkpoint[] = [];
  const lost: Item[] = [];
  const refused: Checkpoint[] = [];
  const passing: unknown[] = [];
  for (const [index, { item, row }] of steps.entries()) {
    const result = results[index];
    if (result?.status === "fulfilled") {
      if (result.value === undefined) lost.push(item);
      else outcomes.push(written(row, result.value));
    } else if (isRefusal(result?.reason)) {
      refused.push({ ...row, detail: { ...row.detail, reason: errorMessage(result?.reason) } });
    } else passing.push(result?.reason);
  }
  await rows(context).put([...outcomes, ...refused]);
  if (passing.length > 0) throw passing[0];
  if (refused.length > 0) throw notTaken(refused);
  return { outcomes: { restored: outcomes.length }, lost };
}

function written(row: Checkpoint, { uid, exact }: Written): Checkpoint {
  const { reason, ...detail } = row.detail;
  const identity = uid === "" ? {} : { targetUid: uid };
  return { ...row, ...identity, state: "applied", detail: { ...detail, wrote: exact } };
}

/** True once the row says what the write replaces. */
function isIntended({ detail }: Checkpoint): boolean {
  return detail["created"] === true || "before" in detail || "beforeIn" in detail;
}

/** True for what stays out of a restore. */
export function isLeftOut({ state }: Checkpoint): boolean {
  return state === "reverted";
}

function isRefusal(error: unknown): boolean {
  return error instanceof MigratorError && !isRetryable(error) && !(error instanceof LeaseLostError);
}

function notTaken(refused: readonly Checkpoint[]): MigratorError {
  const named = refused
    .slice(0, NAMED)
    .map(({ key, detail }) => `${shownKey(key)} (${textAt(detail, "reason")})`);
  const more = refused.length > NAMED ? `; and ${refused.length - NAMED} more` : "";
  return new MigratorError("RESTORE_REFUSED", `not taken: ${named.join("; ")}${more}`, {
    next: "Mend what the API server names, then `resume`; or undo the restore with `rollback`.",
  });
}

function changedSince(keys: readonly string[]): MigratorError {
  const more = keys.length > NAMED ? `, and ${keys.length - NAMED} more` : "";
  const named = keys.slice(0, NAMED).map(shownKey).join(", ");
  return new MigratorError(
    "RESTORE_STALE",
    `changed since it was shown, and not written over: ${named}${more}`,
    {
      next: "Undo this restore with `abort` and start it again: it then shows what would be overwritten now.",
    },
  );
}

function disturbed(items: readonly Item[]): MigratorError {
  const named = items.slice(0, NAMED).map(({ key }) => shownKey(key));
  return new MigratorError("RESTORE_DISTURBED", `somebody writes to ${named.join(", ")} at the same time`, {
    next: "See who writes to it in spite of the lock, stop that, then `resume`.",
    retryable: true,
  });
}
