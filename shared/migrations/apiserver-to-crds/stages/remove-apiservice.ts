import type { Action, StageOutcome } from "../../../engine/migration.ts";
import { nativeApiService, savedApiService } from "../../../kubernetes/api-services.ts";
import { readApiService, restoreApiService } from "../../../kubernetes/api-services-calls.ts";
import type { ClusterConnections } from "../../connections.ts";
import { fieldManager } from "../../context.ts";
import { WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { foundApiService, keepRemoved } from "../api-service.ts";
import { lockNative, removeNativeLock } from "../cluster-information.ts";
import { type Context, isPrecopied, sendFor } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";

const POLL_MS = 250;
/** Looks of one call: it takes about four seconds, and every second counts while the datastore is locked. */
const LOOKS = 60;

/** Without the second version, what is native has to go before the API server is put back, which hides it. */
const restore: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "restore-apiservice",
  title: "put the APIService of the aggregated API server back",
  act: async (context) => {
    const found = await foundApiService(context);
    if (found === undefined) return { done: true };
    if (!(await isPrecopied(context))) await removeHiddenLock(context);
    if (found.apiService === null) return { done: true };
    const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
    await restoreApiService(sendFor(context), found.apiService, options);
    await context.announce("apiservice.restored", {});
    return { done: true };
  },
};

/**
 * Removes the aggregated APIService, which is kept in the notes, and waits until projectcalico.org/v3 is served out of the
 * native CRDs: proved by the ClusterInformation that it shows.
 */
export const removeApiServiceStage: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "remove-apiservice",
  title: "remove the APIService of the aggregated API server, so that the native CRDs are served",
  changesCluster: true,
  undo: [restore],
  act: async (context) => {
    if ((await foundApiService(context)) === undefined) await keepFound(context);
    const reason = await removed(context);
    if (reason !== undefined) return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
    return servedLocally(context);
  },
};

/** Once: afterwards the APIService is back, and shows the old group's. */
async function removeHiddenLock(context: Context): Promise<void> {
  if (context.notes["lockRemoved"] === true) return;
  await removed(context);
  await removeNativeLock(context, "projectcalico.org/v3");
  await context.record({ lockRemoved: true });
}

async function keepFound(context: Context): Promise<void> {
  const { served, available, object } = await readApiService(sendFor(context), nativeApiService);
  const isAggregated = served === "aggregated" && object !== undefined;
  await context.record({
    apiService: isAggregated ? savedApiService(object) : null,
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
