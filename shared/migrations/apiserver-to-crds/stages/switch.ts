import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { keepRemoved } from "../api-service.ts";
import { refuseLostDefinitions } from "../native-definitions.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { switchBack, switchWorkload } from "../switch-workload.ts";
import { datastoreUsers, operatorRef } from "../workloads.ts";

const POLL_MS = 1000;

const undoSwitch: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "switch-back",
  title: "let Calico's workloads use the group again that they were told to use",
  act: async (context) => {
    await switchBack(context, "switch");
    return { done: true };
  },
};

/**
 * Tells the workloads of a manifest or a Helm install to use the native group (CALICO_API_GROUP), right before the unlock:
 * what rolls out before it waits, and what has not rolled out after it finds the old group locked, so that nobody writes to
 * both. Where the operator installs Calico nothing is done here: see `switch-operator`.
 */
export const switchGroup: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "switch",
  title: "tell Calico's workloads to use the native group",
  changesCluster: true,
  undo: [undoSwitch],
  act: async (context) => {
    await refuseLostDefinitions(context);
    const reason = await keepRemoved(context);
    if (reason !== undefined) return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
    if ((await operatorRef(context)) !== undefined) return { done: true };
    for (const { ref } of await datastoreUsers(context)) await switchWorkload(context, ref);
    return { done: true };
  },
};
