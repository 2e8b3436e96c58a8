import { LeaseLostError } from "../../engine/errors.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { isRetryable } from "../../errors.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { withDetail } from "./ledger-detail.ts";
import type { CopyContext } from "./task.ts";

/** A write that is to be made, and the checkpoint of its resource. */
export interface PendingWrite {
  checkpoint: Checkpoint;
  /** Gives the checkpoint as it is after the write. */
  write: () => Promise<Checkpoint>;
}

/**
 * Makes all writes and records the outcome of each, and of those that are `done` already. A refusal of the API server is
 * recorded as `failed`; what may succeed later leaves its checkpoint as it was and is thrown once all others are recorded.
 *
 * @returns how many ended in which state.
 */
export async function copyEach(
  context: CopyContext,
  writes: readonly PendingWrite[],
  done: readonly Checkpoint[] = [],
): Promise<Record<string, number>> {
  const { limiter } = context.connections;
  const results = await Promise.allSettled(
    writes.map((one) => limiter.admit(() => recordingRefusals(context, one))),
  );
  const outcomes = [...done, ...results.filter((r) => r.status === "fulfilled").map((r) => r.value)];
  await context.ledger("resources").put(outcomes);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return tally(outcomes);
}

async function recordingRefusals(
  context: CopyContext,
  { checkpoint, write }: PendingWrite,
): Promise<Checkpoint> {
  try {
    return await write();
  } catch (error) {
    if (context.signal.aborted || isRetryable(error) || error instanceof LeaseLostError) throw error;
    if (!(error instanceof KubernetesApiError)) throw error;
    return withDetail({ ...checkpoint, state: "failed" }, { code: error.code, reason: reasonOf(error) });
  }
}

/** Whoever reads it has nothing else: so it says what to do as well. */
function reasonOf({ code, message, next }: KubernetesApiError): string {
  return next === "" ? `${code}: ${message}` : `${code}: ${message}; ${next}`;
}

/** Adds counts by state to others, in place. */
export function addCounts(to: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [state, count] of Object.entries(more)) to[state] = (to[state] ?? 0) + count;
}

function tally(checkpoints: readonly Checkpoint[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of checkpoints) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
