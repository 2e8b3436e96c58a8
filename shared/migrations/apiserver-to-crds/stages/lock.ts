import type { Action, Gate, StageOutcome } from "../../../engine/migration.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import type { ClusterConnections } from "../../connections.ts";
import { foundApiService, restoreFound } from "../api-service.ts";
import { isRefused, lockNative, lockOld, removeNativeLock, unlockOld } from "../cluster-information.ts";
import { type Context, isPrecopied, SECOND, sendFor } from "../context.ts";
import { crdNames } from "../../../calico/kinds.ts";
import { fieldManager } from "../../context.ts";
import { readTarget } from "../../target/calls.ts";
import { rehearseBeforeLock } from "../../target/rehearse.ts";
import { laterRehearsals } from "../later-rehearsals.ts";
import { lockRehearsals } from "../rehearsals.ts";
import { datastoreUsers, operatorRef } from "../workloads.ts";
import { throughNativeAction } from "../native-access.ts";
import { refuseUnfitDefinitions } from "../native-definitions.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { openAgain } from "../second-version.ts";
import { releaseLeft } from "./restore-foreign-owners.ts";
import { rolloutBack } from "./rollout.ts";

const POLL_MS = 1000;
const OPEN_MS = 60_000;
const API_SERVER_MS = 600_000;
const LOCK_CRD = "clusterinformations.projectcalico.org";

/** Before anything else of the lock is undone: it is what Calico's components wait for. */
const unlockOldGroup: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "unlock-old-group",
  title: "unlock the old group exactly as it was found",
  lockWindow: "ends",
  act: async (context) => {
    await unlockOld(context);
    return { done: true };
  },
};

/**
 * Through the second version, which somebody may have closed, if it was locked that way. What cannot be removed holds nobody
 * up: `left` in the notes says why.
 */
const removeLock: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "remove-native-lock",
  title: "take this run's lock of the native group away",
  act: async (context) => {
    if ((await context.notesOf("lock"))["nativeBefore"] === undefined) return { done: true };
    const { openingAt = context.clock.now() } = context.notes;
    const hidden = await openAgain(context, [LOCK_CRD]);
    if (hidden === undefined) return removeUnlessRefused(context);
    await context.record({ openingAt, left: hidden });
    if (context.clock.now() - Number(openingAt) > OPEN_MS) return { done: true };
    return { wait: { reason: "Gate", message: hidden, retryAfterMs: POLL_MS } };
  },
};

/**
 * What was restored has to work again before owner references are put back. After the unlock, as a new pod of the API server
 * could not start before. What could not be made good while the old group was locked is made good here.
 */
const awaitApiServer: Gate<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "gate",
  name: "await-api-server",
  title: "wait until the aggregated API server serves projectcalico.org/v3 again",
  deadlineMs: () => API_SERVER_MS,
  check: async (context) => {
    const found = await foundApiService(context);
    await releaseLeft(context);
    const after = await restoreFound(context);
    if (after === undefined || found?.available !== true) return { done: true };
    const { served, available, message } = after;
    if (served === "aggregated" && available) return { done: true };
    const reason = message === "" ? `APIService ${nativeApiService.name} is ${served}` : message;
    return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
  },
};

/**
 * Locks both groups with this run's mark, and reads the locks back. Without the second version the native group cannot be
 * reached yet: `remove-apiservice` then locks it, and nothing uses it before. What was found is recorded first.
 */
export const lock: Action<ClusterConnections, ApiserverToCrdsOptions> = throughNativeAction({
  kind: "action",
  name: "lock",
  title: "lock both groups: new pods wait from here until the unlock",
  changesCluster: true,
  lockWindow: "begins",
  undo: [unlockOldGroup, removeLock, awaitApiServer, rolloutBack],
  act: async (context) => {
    if (context.notes["lockedAt"] === undefined) await rehearse(context);
    const { lockedAt = context.clock.now() } = context.notes;
    await context.record({ lockedAt });
    await lockOld(context);
    if (await isPrecopied(context)) await lockNative(context, SECOND);
    return { done: true };
  },
});

/** What was allowed in preflight may be no more; a refusal inside the lock would leave everything locked. */
async function rehearse(context: Context): Promise<void> {
  await refuseUnfitDefinitions(context);
  const send = sendFor(context);
  const operator = await operatorRef(context);
  const object = operator === undefined ? undefined : await readTarget(context, operator);
  const crds = crdNames("crd.projectcalico.org/v1");
  const rehearsals = await lockRehearsals(send, {
    fieldManager: fieldManager(context),
    users: await datastoreUsers(context),
    operator: operator === undefined || object === undefined ? undefined : { ref: operator, object },
    oldCrds: crds,
    native: (await isPrecopied(context)) ? SECOND : undefined,
  });
  await rehearseBeforeLock(send, [...rehearsals, ...(await laterRehearsals(context))]);
}

async function removeUnlessRefused(context: Context): Promise<StageOutcome> {
  try {
    await removeNativeLock(context, SECOND);
  } catch (error) {
    if (!isRefused(error)) throw error;
    await context.record({ left: error.message });
  }
  return { done: true };
}
