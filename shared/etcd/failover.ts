import { setTimeout as sleep } from "node:timers/promises";
import { MigratorError } from "../errors.ts";
import { toEtcdError, wasNeverExecuted } from "./errors.ts";

/** What calls are made to; there are several, of which some may be dead. */
export interface Target {
  readonly url: string;
  /** Resolves when the target answers; rejects when it does not by the deadline (ms since the epoch). */
  ready(deadline: number): Promise<void>;
}

/** May a call be made a second time when the outcome of the first is unknown? */
export type Repeatable = "repeatable" | "once";

const ROUNDS = 3;
const FIRST_REST_MS = 100;
const LONGEST_REST_MS = 1_000;
const CONNECT_MS = 3_000;

type Outcome<R> = { readonly value: R } | { readonly error: MigratorError; readonly mayMoveOn: boolean };

/**
 * Makes each call to one target, and on failure to the next, within one deadline.
 *
 * A call that is not repeatable moves on only when it certainly was not executed. An unreachable cluster fails after
 * three rounds, so that wrong endpoints show at once; a missing leader is waited for until the deadline.
 */
export class Failover<T extends Target> {
  readonly #targets: readonly [T, ...T[]];
  readonly #timeoutMs: number;
  #current = 0;

  constructor(targets: readonly [T, ...T[]], timeoutMs: number) {
    this.#targets = targets;
    this.#timeoutMs = timeoutMs;
  }

  async run<R>(repeatable: Repeatable, call: (target: T, deadline: number) => Promise<R>): Promise<R> {
    const deadline = Date.now() + this.#timeoutMs;
    const failures = new Map<string, MigratorError>();
    for (let attempt = 1; ; attempt++) {
      const target = this.#target();
      const outcome = await this.#attempt(target, deadline, repeatable, call);
      if ("value" in outcome) return outcome.value;
      failures.set(target.url, outcome.error);
      this.leave(target);
      const rest = attempt % this.#targets.length === 0 ? restAfterRound(attempt / this.#targets.length) : 0;
      const isOver = Date.now() + rest >= deadline || this.#isTriedOut(attempt, outcome.error);
      if (!outcome.mayMoveOn || isOver) throw summary(failures, outcome.error);
      if (rest > 0) await sleep(rest);
    }
  }

  /** Lets the following calls begin with another target. */
  leave(target: T): void {
    if (this.#target() === target) this.#current = (this.#current + 1) % this.#targets.length;
  }

  #target(): T {
    return this.#targets[this.#current] ?? this.#targets[0];
  }

  async #attempt<R>(
    target: T,
    deadline: number,
    repeatable: Repeatable,
    call: (target: T, deadline: number) => Promise<R>,
  ): Promise<Outcome<R>> {
    try {
      await target.ready(this.#share(deadline, CONNECT_MS));
    } catch (thrown) {
      const error = toEtcdError(thrown, target.url);
      return { error, mayMoveOn: error.code !== "ETCD_AUTH" };
    }
    try {
      return {
        value: await call(target, repeatable === "once" ? deadline : this.#share(deadline, Infinity)),
      };
    } catch (thrown) {
      const error = toEtcdError(thrown, target.url);
      return {
        error,
        mayMoveOn: (repeatable === "repeatable" && error.retryable) || wasNeverExecuted(error),
      };
    }
  }

  /** With other targets to turn to, one of them gets at most half of the time that is left. */
  #share(deadline: number, mostMs: number): number {
    if (this.#targets.length === 1) return deadline;
    const now = Date.now();
    return now + Math.min((deadline - now) / 2, mostMs);
  }

  #isTriedOut(attempt: number, error: MigratorError): boolean {
    if (error.code === "ETCD_NO_LEADER") return false;
    return attempt >= this.#targets.length * (error.retryable ? ROUNDS : 1);
  }
}

function restAfterRound(round: number): number {
  return Math.min(FIRST_REST_MS * 2 ** (round - 1), LONGEST_REST_MS);
}

/** The last failure, or one that tells about all endpoints when more than one has failed. */
function summary(failures: ReadonlyMap<string, MigratorError>, last: MigratorError): MigratorError {
  if (failures.size === 1) return last;
  const messages = [...failures.values()].map(({ message }) => message);
  return new MigratorError(last.code, messages.join("; "), {
    next: last.next,
    retryable: last.retryable,
    details: { endpoints: [...failures.keys()] },
    cause: last,
  });
}
