import type { Action, StageOutcome } from "../../../engine/migration.ts";
import { nativeApiService, savedApiService } from "../../../kubernetes/api-services.ts";
import { readApiService } from "../../../kubernetes/api-services-calls.ts";
import { objectsAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { foundApiService, keepRemoved, restoreFound } from "../api-service.ts";
import { lockNative, removeNativeLock } from "../cluster-information.ts";
import { type Context, isPrecopied, sendFor } from "../context.ts";
import { throughNativeAction } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { operatorRunning } from "../operator-hold.ts";
import { patientAction } from "../undo/patience.ts";
import { releaseLeft } from "./restore-foreign-owners.ts";

const POLL_MS = 250;
/**
 * How many looks one call takes at most. The removal takes about four seconds, and every second counts while the
 * datastore is locked.
 */
const LOOKS = 60;

/**
 * Without the second version, what is native has to go before the API server is put back, which hides it. What cannot be done
 * in time is left to `await-api-server`, once the old group is unlocked.
 */
const restore = patientAction({
  kind: "action",
  name: "restore-apiservice",
  title: "put the APIService of the aggregated API server back",
  act: async (context) => {
    if ((await foundApiService(context)) === undefined) return { done: true };
    await releaseLeft(context);
    if (!(await isPrecopied(context))) await removeHiddenLock(context);
    if ((await restoreFound(context)) !== undefined) await context.announce("apiservice.restored", {});
    return { done: true };
  },
});

/**
 * Removes the aggregated APIService, which is kept in the notes, and waits until projectcalico.org/v3 is served out of the
 * native CRDs: proved by the ClusterInformation that it shows.
 */
export const removeApiServiceStage: Action<ClusterConnections, ApiserverToCrdsOptions> = throughNativeAction({
  kind: "action",
  name: "remove-apiservice",
  title: "remove the APIService of the aggregated API server, so that the native CRDs are served",
  changesCluster: true,
  undo: [restore],
  act: async (context) => {
    const running = await operatorRunning(context);
    if (running !== undefined) return { wait: { reason: "Gate", message: running, retryAfterMs: POLL_MS } };
    if ((await foundApiService(context)) === undefined) await keepFound(context);
    const reason = await removed(context);
    if (reason !== undefined) return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
    return servedLocally(context);
  },
});

/**
 * Removes the lock of the native group, and only once: afterwards the APIService is back, and shows the old group's
 * lock in its place.
 */
async function removeHiddenLock(context: Context): Promise<void> {
  if (context.notes["lockRemoved"] === true) return;
  const reason = await removed(context);
  if (reason !== undefined) await context.record({ lockLeft: reason });
  await removeNativeLock(context, "projectcalico.org/v3");
  await context.record({ lockRemoved: true });
}

async function keepFound(context: Context): Promise<void> {
  const { served, available, object } = await readApiService(sendFor(context), nativeApiService);
  const isAggregated = served === "aggregated" && object !== undefined;
  await context.record({
    apiService: isAggregated ? savedApiService(object) : null,
    apiServiceManagers: isAggregated ? objectsAt(object, "metadata", "managedFields") : [],
    available: isAggregated && available,
  });
}

async function removed(context: Context): Promise<string | undefined> {
  for (let looks = 1; ; looks++) {
    const reason = await keepRemoved(context);
    if (reason === undefined || looks >= LOOKS) return reason;
    await context.clock.sleep(POLL_MS, context.signal);
  }
}

async function servedLocally(context: Context): Promise<StageOutcome> {
  if (!(await isPrecopied(context))) await lockNative(context, "projectcalico.org/v3");
  await context.announce("apiservice.removed", {});
  return { done: true };
}
