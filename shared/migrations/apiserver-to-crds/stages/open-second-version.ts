import type { Action, StageOutcome } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { releaseFieldsBack } from "./release-fields.ts";
import {
  definitionUids,
  nativeCrdNames,
  refuseLostDefinitions,
  refuseOtherRuns,
} from "../native-definitions.ts";
import { close, describeStates, open } from "../second-version.ts";

const POLL_MS = 500;
/** The API server takes about three seconds; somebody who puts the definitions back takes as long as they like. */
const OPEN_MS = 60_000;

const closeAgain: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "close-second-version-again",
  title: "take the second version off the native CRDs",
  act: async (context) => {
    await close(context);
    return { done: true };
  },
};

/**
 * Opens the second version of every native CRD, through which native objects are written and read before the switch, and
 * waits until all are served. Records `precopy`: false, with the `reason`, where that is not possible; everything is then
 * copied inside the lock window.
 */
export const openSecondVersion: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "open-second-version",
  title: "open the second version of the native CRDs, to write and read before the switch",
  changesCluster: true,
  undo: [releaseFieldsBack, closeAgain],
  act: async (context) => {
    if (typeof context.notes["precopy"] === "boolean") return { done: true };
    const since = await startedAt(context);
    await refuseOtherRuns(context);
    await noteDefinitions(context);
    const states = await open(context, nativeCrdNames());
    if (states.some(({ state }) => state === "absent")) await refuseLostDefinitions(context);
    const never = describeStates(states.filter(({ state }) => state === "impossible"));
    if (never !== undefined) return doWithout(context, never);
    const missing = describeStates(states.filter(({ state }) => state !== "served"));
    if (missing === undefined) {
      await context.record({ precopy: true });
      return { done: true };
    }
    if (context.clock.now() - since > OPEN_MS) return doWithout(context, missing);
    return { wait: { reason: "Gate", message: missing, retryAfterMs: POLL_MS } };
  },
};

async function startedAt(context: Context): Promise<number> {
  const { openingAt } = context.notes;
  if (typeof openingAt === "number") return openingAt;
  const now = context.clock.now();
  await context.record({ openingAt: now });
  return now;
}

/**
 * Records the UIDs of the definitions, and only once: a definition that is deleted and created again later has
 * another UID.
 */
async function noteDefinitions(context: Context): Promise<void> {
  if (context.notes["definitions"] === undefined)
    await context.record({ definitions: await definitionUids(context) });
}

async function doWithout(context: Context, reason: string): Promise<StageOutcome> {
  await close(context);
  await context.record({ precopy: false, reason });
  return { done: true };
}
