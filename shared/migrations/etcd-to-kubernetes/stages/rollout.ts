import type { Gate, StageOutcome } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import type { JsonObject } from "../../../json.ts";
import { objectAt } from "../../../kubernetes/fields.ts";
import { rolloutStatus } from "../../../kubernetes/rollout.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readWorkload, rolloutRefs } from "../workloads.ts";

const POLL_MS = 2000;

/**
 * Waits until Calico's workloads run with their new configuration, as far as their pods can start while the datastore is
 * locked: those on the pod network cannot, because Calico's CNI plugin refuses until it is ready, and so are not waited for.
 */
export function rolloutGate(name: string, title: string): Gate<ClusterConnections, EtcdToKubernetesOptions> {
  return gate(name, title, startsWhileLocked);
}

/** Waits for all of Calico's workloads, once the datastore is open. */
export const rolloutAll = gate(
  "rollout-all",
  "wait until the workloads run that had to wait for the unlock",
  () => true,
);

function gate(
  name: string,
  title: string,
  counts: (workload: JsonObject) => boolean,
): Gate<ClusterConnections, EtcdToKubernetesOptions> {
  return {
    kind: "gate",
    name,
    title,
    deadlineMs: (options) => options.rolloutDeadlineMs,
    check: (context) => rolledOut(context, counts),
  };
}

/** A DaemonSet of Calico's serves its own node, and cannot depend on what it serves. */
function startsWhileLocked(workload: JsonObject): boolean {
  const pod = objectAt(workload, "spec", "template", "spec");
  return workload["kind"] === "DaemonSet" || pod["hostNetwork"] === true;
}

async function rolledOut(context: Context, counts: (workload: JsonObject) => boolean): Promise<StageOutcome> {
  const refs = await rolloutRefs(context);
  const workloads = await Promise.all(refs.map((ref) => readWorkload(context, ref)));
  const states = workloads
    .filter((workload) => workload !== undefined)
    .filter(counts)
    .map(rolloutStatus);
  const failed = states.find((state) => state.failed);
  if (failed !== undefined) {
    throw new MigratorError("ROLLOUT_FAILED", failed.message, {
      next: "Look at the pods with kubectl; mend what keeps them, then `resume`, or undo the run with `rollback`.",
    });
  }
  const waiting = states.filter((state) => !state.done).map(({ message }) => message);
  if (waiting.length === 0) return { done: true };
  return { wait: { reason: "Gate", message: waiting.join("; "), retryAfterMs: POLL_MS } };
}
