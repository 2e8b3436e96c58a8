import { setTimeout as sleep } from "node:timers/promises";
import { StoreBusyError } from "./errors.ts";

/** How often something is tried, and how long to wait in between: a random part of a time that doubles. */
export interface RetryPolicy {
  /** How often a change is made anew because others changed the same records meanwhile. */
  attempts: number;
  /** How often a request is sent that is throttled or gets no answer; the client's own tries come on top. */
  requests: number;
  /** Milliseconds. */
  baseMs: number;
  /** Milliseconds. */
  maxMs: number;
}

/** Together up to about ten seconds: what takes longer is better tried again as a new message. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 40, requests: 8, baseMs: 10, maxMs: 500 };

/** What an attempt says when others came in between. */
export const AGAIN: unique symbol = Symbol("again");

/** Waits before the attempt after the one with this number (from 0). */
export async function backOff(policy: RetryPolicy, attempt: number): Promise<void> {
  await sleep(Math.random() * Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt, 20)));
}

/** Makes attempts until one has a result. Throws StoreBusyError, naming `what`, when none of them has. */
export async function untilSettled<T>(
  policy: RetryPolicy,
  what: string,
  attempt: () => Promise<T | typeof AGAIN>,
): Promise<T> {
  for (let number = 0; number < policy.attempts; number += 1) {
    if (number > 0) await backOff(policy, number - 1);
    const result = await attempt();
    if (result !== AGAIN) return result;
  }
  throw new StoreBusyError(what);
}
