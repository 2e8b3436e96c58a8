import type { Gate, StageOutcome } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import { rolloutStatus } from "../../../kubernetes/rollout.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readWorkload, rolloutRefs } from "../workloads.ts";

const POLL_MS = 2000;

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
  const states = workloads.filter((workload) => workload !== undefined).map(rolloutStatus);
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
