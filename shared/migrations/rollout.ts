import type { StageOutcome } from "../engine/migration.ts";
import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { rolloutStatus } from "../kubernetes/rollout.ts";

const POLL_MS = 2000;

/** Whether these workloads run as they should; throws ROLLOUT_FAILED where waiting cannot help. */
export function rolloutOutcome(workloads: readonly JsonObject[]): StageOutcome {
  const states = workloads.map(rolloutStatus);
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
