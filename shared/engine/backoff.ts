import { errorMessage, MigratorError } from "../errors.ts";
import type { Failure } from "./records.ts";

/** How often a failing try is repeated before a person is asked. */
export interface RetryPolicy {
  maxAttempts: number;
  firstDelayMs: number;
  maxDelayMs: number;
}

/** About ten minutes of trying. */
export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 16, firstDelayMs: 250, maxDelayMs: 60_000 };

/** The delay before try number `attempt` + 1: doubling, with up to a quarter of it added at random. Milliseconds. */
export function backoffMs(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const delay = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.max(0, attempt - 1));
  return Math.round(delay * (1 + random() / 4));
}

/** What people are told of an error. */
export function failureOf(error: unknown): Failure {
  if (error instanceof MigratorError) return { code: error.code, message: error.message, next: error.next };
  return {
    code: "INTERNAL",
    message: errorMessage(error),
    next: "This is a defect of calico-migrator: report it with this message. `resume` tries the stage again.",
  };
}
