import type { Gate, StageOutcome } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { rolloutOutcome } from "../../rollout.ts";
import type { Context } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readWorkload, rolloutRefs } from "../workloads.ts";

/** Waits until Calico's workloads run with their new configuration. */
export function rolloutGate(name: string, title: string): Gate<ClusterConnections, EtcdToKubernetesOptions> {
  return {
    kind: "gate",
    name,
    title,
    deadlineMs: (options) => options.rolloutDeadlineMs,
    check: rolledOut,
  };
}

async function rolledOut(context: Context): Promise<StageOutcome> {
  const refs = await rolloutRefs(context);
  const workloads = await Promise.all(refs.map((ref) => readWorkload(context, ref)));
  return rolloutOutcome(workloads.filter((workload) => workload !== undefined));
}
