import type { Action } from "../../../../engine/migration.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { lockNotHeld } from "../../../target/lock.ts";
import type { RestoreOptions } from "../options.ts";
import { isLockedBy, placesOf } from "../places.ts";
import { datastoreOf, foundLocks, takenOverLocks } from "../locks.ts";
import { shownKey } from "../objects.ts";

/**
 * Gives the datastores back exactly as they were found; what this run has brought goes. A lock of others that the way back has
 * found is given back to them: a migration that has locked etcd since counts on it, and two open datastores give out the same addresses.
 */
export const unlockAsFound: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "unlock-as-found",
  title: "put the datastore's lock back as it was found",
  lockWindow: "ends",
  act: async (context) => {
    const before = { ...(await foundLocks(context)), ...(await takenOverLocks(context)) };
    await context.tellLock("unlocking", datastoreOf(context));
    for (const place of await placesOf(context)) {
      const text = before[place.key];
      const found = await place.read();
      if (text === undefined || found === undefined || !isLockedBy(context.run.runId, found)) continue;
      const isBack = await (text === null ? place.remove(found) : place.write(text, found));
      if (!isBack) throw lockNotHeld(shownKey(place.key), true);
    }
    await context.tellLock("unlocked", datastoreOf(context), { side: context.options.side });
    return { done: true };
  },
};
