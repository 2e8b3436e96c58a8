import type { Action } from "../../../../engine/migration.ts";
import { readLock } from "../../../../calico/lock.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { lockNotHeld } from "../../../target/lock.ts";
import { decided } from "../decided.ts";
import type { RestoreOptions } from "../options.ts";
import { isLockedBy, placesOf } from "../places.ts";
import { askForeignLocks, datastoreOf, foundLocks, lockAgain, readyText, tellLocked } from "../locks.ts";
import { shownKey } from "../objects.ts";

const lockForUndo: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "lock-again",
  title: "lock the datastore again: new pods wait until what was there before is back",
  changesCluster: true,
  lockWindow: "begins",
  act: async (context) => {
    const asked = await askForeignLocks(
      context,
      "the way back takes the lock over, and gives it back at its end",
    );
    if (asked !== undefined) return asked;
    await context.tellLock("locking", datastoreOf(context));
    await tellLocked(context, await lockAgain(context));
    return { done: true };
  },
};

/**
 * Opens the restored datastore for use: its ClusterInformation as in the backup, but ready and without the mark of any run,
 * whatever it was when the backup was made.
 */
export const unlock: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "unlock",
  title: "unlock the datastore: Calico acts on what was put back from here on",
  changesCluster: true,
  lockWindow: "ends",
  undo: [lockForUndo],
  act: async (context) => {
    const { pieces } = await decided(context);
    const before = await foundLocks(context);
    await context.tellLock("unlocking", datastoreOf(context));
    for (const place of await placesOf(context)) {
      const found = await place.read();
      if (found === undefined || before[place.key] === undefined || !isLockedBy(context.run.runId, found))
        continue;
      if (!(await place.write(readyText(found.text, pieces.clusterInformations[place.key]), found)))
        throw lockNotHeld(shownKey(place.key), true);
      const after = await place.read();
      if (after === undefined || readLock(after.text).ready !== true)
        throw lockNotHeld(shownKey(place.key), true);
    }
    await context.tellLock("unlocked", datastoreOf(context), { side: context.options.side });
    return { done: true };
  },
};
