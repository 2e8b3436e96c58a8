import { setImmediate } from "node:timers/promises";
import type { Clock } from "../ports.ts";

interface Sleeper {
  due: number;
  wake: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<Sleeper>();

  /** Starts at `now`, in milliseconds since the epoch. */
  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  /** How many sleep at present. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { due: this.#now + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** Moves time on and wakes who slept until then, the earliest first. */
  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of this.#byDue()) {
      if (sleeper.due <= this.#now) sleeper.wake();
    }
  }

  /**
   * Moves time on to the next sleeper again and again, until `work` settles; settles as it does. Rejects when `work` is
   * not done after `limitMs` of this clock's time.
   */
  async runUntil<T>(work: Promise<T>, limitMs = 24 * 60 * 60 * 1000): Promise<T> {
    const end = this.#now + limitMs;
    const settled = work.then(
      () => true,
      () => true,
    );
    for (;;) {
      if (await Promise.race([settled, setImmediate(false)])) return work;
      const next = this.#byDue()[0];
      if (next === undefined) continue;
      if (next.due > end) throw new Error(`the work was not done within ${limitMs} ms of the manual clock`);
      this.advance(Math.max(0, next.due - this.#now));
    }
  }

  #byDue(): Sleeper[] {
    return [...this.#sleepers].sort((a, b) => a.due - b.due);
  }
}
