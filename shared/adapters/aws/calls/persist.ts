import { backoffMs, type RetryPolicy } from "../../../engine/backoff.ts";
import type { Clock } from "../../../engine/ports.ts";

/** About ten seconds of trying. */
const RETRY: RetryPolicy = { maxAttempts: 7, firstDelayMs: 100, maxDelayMs: 5_000 };

/**
 * Gives `items` to `attempt` until none is left over: each time those that it returned, after a growing, jittered delay.
 * Returns what was left after the last attempt.
 */
export async function persist<T>(
  items: readonly T[],
  clock: Clock,
  attempt: (items: readonly T[]) => Promise<T[]>,
): Promise<T[]> {
  let left = await attempt(items);
  for (let tried = 1; left.length > 0 && tried < RETRY.maxAttempts; tried += 1) {
    await clock.sleep(backoffMs(RETRY, tried));
    left = await attempt(left);
  }
  return left;
}
