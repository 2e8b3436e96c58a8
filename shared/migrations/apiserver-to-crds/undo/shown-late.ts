import { ledgerPages } from "../../../engine/ledger.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { Context } from "../context.ts";

const PAGE = 500;

/** What going back after the unlock forgets, one row an object, as people were shown it last; `reverted` is what is so no more. */
function lateChanges(context: Pick<Context, "ledger">): ReturnType<Context["ledger"]> {
  return context.ledger("late-changes");
}

/** When the native group was unlocked, in milliseconds since the epoch; undefined where it never was. */
export async function unlockedSince(context: Context): Promise<number | undefined> {
  const { unlockedAt } = await context.notesOf("unlock");
  return typeof unlockedAt === "number" ? unlockedAt : undefined;
}

/** True once others could work on the native group. */
export async function wasUnlocked(context: Context): Promise<boolean> {
  return (await unlockedSince(context)) !== undefined;
}

/** To be called before everything is compared anew. */
export async function forgetShown(context: Context): Promise<void> {
  const query = { states: ["pending"], limit: PAGE } as const;
  for await (const page of ledgerPages(lateChanges(context), query))
    await lateChanges(context).put(page.map((row) => ({ ...row, state: "reverted" })));
}

/** Keeps what was changed, by native ids, each with what it means now. */
export async function keepChanged(context: Context, meanings: ReadonlyMap<string, string>): Promise<void> {
  const reason = "written to the native group since the unlock: the old group does not have it";
  await lateChanges(context).put([...meanings].map(([id, meaning]) => rowOf(id, { reason, meaning })));
}

/** Keeps what was deleted, by native ids. */
export async function keepDeleted(context: Context, ids: readonly string[]): Promise<void> {
  const reason = "deleted from the native group since the unlock: the old group still has it";
  await lateChanges(context).put(ids.map((id) => rowOf(id, { reason })));
}

/** Those of these native objects that people were shown, with what each meant then; "" where it was deleted. */
export async function shownOf(context: Context, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await lateChanges(context).get(ids.map((key) => ({ rank: 0, key })));
  const shown = rows.filter(({ state }) => state === "pending");
  return new Map(shown.map(({ key, detail }) => [key, textAt(detail, "meaning")]));
}

function rowOf(id: string, detail: Checkpoint["detail"]): Checkpoint {
  return { rank: 0, key: id, target: id, state: "pending", sourceRevision: 0, detail };
}
