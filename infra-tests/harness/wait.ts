import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../shared/errors.ts";

/** How long {@link waitUntil} tries, and how often, in milliseconds. */
export interface WaitOptions {
  /** What is awaited, for the error: "etcd answers". */
  what: string;
  timeoutMs: number;
  /** Pause between two tries. Default 50. */
  intervalMs?: number;
}

/**
 * Calls `probe` until it returns something other than `undefined` or `false`, and returns that.
 * A probe that throws counts as "not yet". Throws an Error naming `what` and the last failure when time is up.
 */
export async function waitUntil<T>(
  options: WaitOptions,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    let last = "";
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      if (error instanceof StopWaiting) throw error;
      last = `: ${errorMessage(error)}`;
    }
    if (Date.now() >= deadline) throw new Error(`${options.what}: not within ${options.timeoutMs} ms${last}`);
    await sleep(options.intervalMs ?? 50);
  }
}

/** Thrown by a probe of {@link waitUntil} when further waiting is pointless. */
export class StopWaiting extends Error {
  override readonly name = "StopWaiting";
}
