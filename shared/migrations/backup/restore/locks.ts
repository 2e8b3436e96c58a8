import { z } from "zod";
import { readLock, unlockedClusterInformation } from "../../../calico/lock.ts";
import { askFor, shownThings } from "../../../engine/approvals.ts";
import type { StageOutcome } from "../../../engine/migration.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { lockNotHeld } from "../../target/lock.ts";
import type { Context } from "./options.ts";
import { isLockedBy, lockedText, placesOf } from "./places.ts";
import { shownKey } from "./objects.ts";

/** The ledger of what others had locked when the way back came; a side has two places at most. */
const TAKEN_OVER = "taken-over-locks";
const PLACES = 2;

/** What the stage `lock` has recorded: what each ClusterInformation was before this run; null where there was none. */
export const Locked = z.object({ before: z.record(z.string(), z.string().nullable()) });

/** What the datastores' ClusterInformation was before the lock, by key. */
export async function foundLocks(context: Context): Promise<Readonly<Record<string, string | null>>> {
  return Locked.safeParse(await context.notesOf("lock")).data?.before ?? {};
}

/** What people call the datastore that is locked. */
export function datastoreOf({ options }: Context): string {
  return options.side === "etcd" ? "etcd" : "the Kubernetes datastore";
}

/**
 * Locks again what this run has unlocked, before anything of it is taken back. False where nothing is there any more that could
 * be locked.
 */
export async function lockAgain(context: Context): Promise<boolean> {
  const before = await foundLocks(context);
  let isLocked = false;
  for (const place of await placesOf(context)) {
    const found = await place.read();
    if (found === undefined || before[place.key] === undefined) continue;
    isLocked = true;
    if (isLockedBy(context.run.runId, found)) continue;
    // Recorded before the write, and never after it: what is found then is this run's own.
    await noteTakenOver(context, place.key, readLock(found.text).ready === false ? found.text : undefined);
    if (!(await place.write(lockedText(found.text, context.run.runId), found)))
      throw lockNotHeld(shownKey(place.key), false);
  }
  return isLocked;
}

/** Tells that the datastore is locked, or, where there is nothing to lock, that it is not. */
export function tellLocked(context: Context, isLocked: boolean): Promise<void> {
  return context.tellLock(isLocked ? "locked" : "unlocked", datastoreOf(context), {
    side: context.options.side,
  });
}

/** The locks of others that the way back has taken over, by key: whoever has locked a datastore since the restore counts on it. */
export async function takenOverLocks(context: Context): Promise<Readonly<Record<string, string>>> {
  const rows = await context.ledger(TAKEN_OVER).list({ states: ["pending"], limit: PLACES });
  return Object.fromEntries(rows.map(({ key, detail }) => [key, textAt(detail, "text")]));
}

async function noteTakenOver(context: Context, key: string, text: string | undefined): Promise<void> {
  const row = { rank: 1, key, target: key, sourceRevision: 0 };
  const noted =
    text === undefined
      ? { ...row, state: "reverted" as const, detail: {} }
      : { ...row, state: "pending" as const, detail: { text } };
  await context.ledger(TAKEN_OVER).put([noted]);
}

/** Who else has locked the datastores of the side. */
export async function foreignLocks(context: Context): Promise<string[]> {
  const locked: string[] = [];
  for (const place of await placesOf(context)) {
    const found = await place.read();
    if (found === undefined) continue;
    const { ready, lockedBy } = readLock(found.text);
    if (lockedBy !== undefined && lockedBy !== context.run.runId)
      locked.push(`${shownKey(place.key)} by run "${lockedBy}"`);
    else if (ready === false && lockedBy === undefined) locked.push(`${shownKey(place.key)} by nobody known`);
  }
  return locked;
}

/** Says so. */
export function lockedMessage(locked: readonly string[]): string {
  return `it is locked: ${locked.join("; ")}`;
}

/** Waits for a person where somebody else has locked a datastore since it was looked at; undefined where nobody has. */
export async function askForeignLocks(
  context: Context,
  consequence = "the restore takes the lock over",
): Promise<StageOutcome | undefined> {
  const locked = await foreignLocks(context);
  const shown = shownThings(`${lockedMessage(locked)}; ${consequence}`, locked);
  if (locked.length === 0 || context.approved("foreign-lock", shown)) return undefined;
  return { wait: askFor("foreign-lock", shown) };
}

/** The ClusterInformation that a restored datastore has: the backup's, ready, and nobody's lock. */
export function readyText(present: string, backedUp: string | undefined): string {
  return unlockedClusterInformation(backedUp ?? present);
}
