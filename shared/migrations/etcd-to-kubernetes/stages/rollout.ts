import type { Gate, StageOutcome } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { objectAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { rolloutOutcome } from "../../rollout.ts";
import type { Context } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readWorkload, rolloutRefs } from "../workloads.ts";

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
  return rolloutOutcome(workloads.filter((workload) => workload !== undefined).filter(counts));
}
