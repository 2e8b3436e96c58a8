import type { Action, Gate } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { usesNativeGroup } from "../api-group.ts";
import { releaseOperator, stopOperatorAgain } from "../operator-hold.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { switchBack } from "../switch-workload.ts";
import { datastoreUsers, operatorRef, workloadName } from "../workloads.ts";
import { patientAction } from "./patience.ts";

const POLL_MS = 2000;

type AnyAction = Action<ClusterConnections, ApiserverToCrdsOptions>;

/**
 * An operator that is told the old group again puts the APIService back at once. Objects that belong to native ones would then
 * be collected, as their owners' UIDs are found no more. So it is stopped until these owner references are off, the APIService
 * is back and the old owners are named again.
 */
export const stopOperator: AnyAction = {
  kind: "action",
  name: "stop-operator",
  title: "stop the operator until the APIService is back",
  act: async (context) => {
    const running = await stopOperatorAgain(context);
    if (running === undefined) return { done: true };
    return { wait: { reason: "Gate", message: running, retryAfterMs: POLL_MS } };
  },
};

/** While it is stopped, so that it never runs with the one group and the other at once. */
export const tellOperatorBack: AnyAction = patientAction({
  kind: "action",
  name: "switch-operator-back",
  title: "tell the operator the group again that it was told before",
  act: async (context) => {
    await switchBack(context, "switch-operator");
    return { done: true };
  },
});

/** Lets it install Calico for the old group. */
export const startOperatorAgain: AnyAction = patientAction({
  kind: "action",
  name: "release-operator",
  title: "let the operator run again",
  act: async (context) => {
    await releaseOperator(context);
    return { done: true };
  },
});

/** Before the old group is unlocked: nobody is to write to the native one any more. */
export const operatorBack: Gate<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "gate",
  name: "await-operator-back",
  title: "wait until the operator has told Calico's workloads to use the old group again",
  deadlineMs: ({ rolloutDeadlineMs }) => rolloutDeadlineMs,
  check: async (context) => {
    if ((await operatorRef(context)) === undefined) return { done: true };
    const users = await datastoreUsers(context);
    const left = users.filter(({ object }) => usesNativeGroup(object)).map(({ ref }) => workloadName(ref));
    if (left.length === 0) return { done: true };
    const message = `still told to use the native group: ${left.join(", ")}`;
    return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
  },
};
