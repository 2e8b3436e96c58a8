import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { keepRemoved } from "../api-service.ts";
import { isRefused, setNativeReady } from "../cluster-information.ts";
import { throughNativeAction } from "../native-access.ts";
import { refuseLostDefinitions } from "../native-definitions.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { confirmLateChanges } from "../undo/late-changes.ts";
import { patientAction } from "../undo/patience.ts";
import { lookAgainIfHeld } from "./look-again.ts";
import { putFoundBack } from "./restore-owners.ts";

const POLL_MS = 1000;

/** Where the webhook of an operator that has switched refuses it, the way back goes on: `refused` in the notes says so. */
const lockNativeAgain = patientAction({
  kind: "action",
  name: "lock-native-again",
  title: "lock the native group again",
  lockWindow: "begins",
  act: async (context) => {
    const reason = await keepRemoved(context);
    if (reason !== undefined) return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
    try {
      await setNativeReady(context, false);
    } catch (error) {
      if (!isRefused(error)) throw error;
      await context.record({ refused: error.message });
      // From here on workloads are told to use the old group again, which is locked.
      const group = "crd.projectcalico.org";
      await context.tellLock("locked", group, { group });
    }
    return { done: true };
  },
});

/** Opens the native group for use. The old one stays locked: whoever still uses it has to wait until it is switched. */
export const unlock: Action<ClusterConnections, ApiserverToCrdsOptions> = throughNativeAction({
  kind: "action",
  name: "unlock",
  title: "unlock the native group: Calico acts on it from here on",
  changesCluster: true,
  pointOfNoReturn: true,
  lockWindow: "ends",
  undo: [confirmLateChanges, lockNativeAgain, putFoundBack],
  act: async (context) => {
    if (context.notes["unlockedAt"] === undefined) await refuseLostDefinitions(context);
    const reason = await keepRemoved(context);
    if (reason !== undefined) return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
    const held = context.notes["unlockedAt"] === undefined ? await lookAgainIfHeld(context) : undefined;
    if (held !== undefined) return held;
    const { unlockedAt = context.clock.now() } = context.notes;
    await context.record({ unlockedAt });
    await setNativeReady(context, true);
    return { done: true };
  },
});
