import type { Gate, StageOutcome } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { readTarget } from "../../target/calls.ts";
import { rolloutOutcome } from "../../rollout.ts";
import { usesNativeGroup } from "../api-group.ts";
import { keepRemoved } from "../api-service.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { datastoreUsers, operatorRef, workloadName } from "../workloads.ts";

const POLL_MS = 2000;

function gate(
  name: string,
  title: string,
  check: (context: Context) => Promise<StageOutcome>,
): Gate<ClusterConnections, ApiserverToCrdsOptions> {
  return { kind: "gate", name, title, deadlineMs: ({ rolloutDeadlineMs }) => rolloutDeadlineMs, check };
}

/**
 * Part of the way back, once the old group is unlocked: a rollout that does not end must not keep it locked. Until then
 * nothing can write to both groups, as projectcalico.org/v3 shows the old one again.
 */
export const rolloutBack = gate(
  "rollout-back",
  "wait until Calico's workloads run as before",
  async (context) => rolloutOutcome((await datastoreUsers(context)).map(({ object }) => object)),
);

/**
 * Waits until all of Calico runs with the native group, and says what it waits for: the operator's own restart, the workloads
 * that it has not told yet, or their rollout. An APIService that the operator has put back before its restart is removed.
 *
 * After the unlock: a rollout takes the longer the more nodes there are, and pods without a host network, such as those of
 * kube-controllers, cannot start at all while the datastore is locked, as Calico's CNI plugin refuses to set them up
 * (cni-plugin/pkg/plugin, plugin.go). The old group stays locked, so that whoever still uses it changes nothing.
 */
export const rollout = gate(
  "rollout",
  "wait until all of Calico's workloads run with the native group",
  async (context) => {
    const reason = await whyNotSwitched(context);
    if (reason !== undefined) return waitFor(reason);
    const users = await datastoreUsers(context);
    return rolloutOutcome(users.map(({ object }) => object));
  },
);

/** Why Calico's workloads do not all use the native group yet; undefined when all are told to. Looks, and lets nobody put the APIService back. */
export async function whyNotSwitched(context: Context): Promise<string | undefined> {
  const hidden = await keepRemoved(context);
  if (hidden !== undefined) return hidden;
  const users = await datastoreUsers(context);
  const missing = users.filter(({ object }) => !usesNativeGroup(object)).map(({ ref }) => workloadName(ref));
  if (missing.length === 0) return undefined;
  const restarting = await operatorRestarting(context);
  return restarting ?? `not told to use the native group yet: ${missing.join(", ")}`;
}

async function operatorRestarting(context: Context): Promise<string | undefined> {
  const ref = await operatorRef(context);
  const operator = ref === undefined ? undefined : await readTarget(context, ref);
  if (operator === undefined) return undefined;
  if (!usesNativeGroup(operator))
    return "the operator is not told to use the native group: somebody has changed its Deployment";
  const outcome = rolloutOutcome([operator]);
  return "wait" in outcome ? `the operator restarts: ${outcome.wait.message}` : undefined;
}

function waitFor(message: string): StageOutcome {
  return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
}
