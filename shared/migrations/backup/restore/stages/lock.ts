import type { Action, StageOutcome } from "../../../../engine/migration.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { lockNotHeld } from "../../../target/lock.ts";
import { decided } from "../decided.ts";
import { askHiddenAgain, askHiddenSince } from "../hidden/found.ts";
import { askForeignLocks, datastoreOf, Locked, tellLocked } from "../locks.ts";
import { askWhatCame } from "../only-here.ts";
import type { Context, RestoreOptions } from "../options.ts";
import { isLockedBy, lockedText, type Place, placesOf } from "../places.ts";
import { unlockAsFound } from "../undo/unlock-as-found.ts";
import { shownKey } from "../objects.ts";

/** Locks every datastore of the side, the one that the backup brings back too, so that nothing acts on half of it. */
export const lock: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "lock",
  title: "lock the datastore: new pods wait from here until the unlock",
  changesCluster: true,
  lockWindow: "begins",
  approvals: [askHiddenSince],
  undo: [unlockAsFound],
  act: async (context) => {
    const locked = Locked.safeParse(context.notes).data?.before;
    // Once a datastore is locked, the run does not wait for a person any more.
    const asked =
      (await askForeignLocks(context)) ?? (locked === undefined ? await askSince(context) : undefined);
    if (asked !== undefined) return asked;
    const { pieces } = await decided(context);
    const before = { ...locked };
    await context.tellLock("locking", datastoreOf(context));
    let isLocked = false;
    for (const place of await placesOf(context))
      isLocked =
        (await lockPlace(context, { place, before, backedUp: pieces.clusterInformations[place.key] })) ||
        isLocked;
    await tellLocked(context, isLocked);
    return { done: true };
  },
};

async function askSince(context: Context): Promise<StageOutcome | undefined> {
  return (await askHiddenAgain(context)) ?? askWhatCame(context);
}

interface Locking {
  place: Place;
  /** What was found at each place that was locked already. */
  before: Record<string, string | null>;
  backedUp: string | undefined;
}

/** False where there is nothing to lock. */
async function lockPlace(context: Context, { place, before, backedUp }: Locking): Promise<boolean> {
  const { runId } = context.run;
  const found = await place.read();
  if (found !== undefined && isLockedBy(runId, found)) return true;
  if (found === undefined && backedUp === undefined) return false;
  // Recorded before the first write, and never after it: what is found then is this run's own.
  before[place.key] = found?.text ?? null;
  await context.record({ before: { ...before } });
  const text = lockedText(found?.text ?? backedUp ?? "{}", runId);
  if (!(await place.write(text, found))) throw lockNotHeld(shownKey(place.key), false);
  const after = await place.read();
  if (after === undefined || !isLockedBy(runId, after)) throw lockNotHeld(shownKey(place.key), false);
  return true;
}
