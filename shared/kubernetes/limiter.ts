import { KubernetesApiError } from "./errors.ts";

/** How an AdaptiveLimiter behaves. */
interface LimiterOptions {
  /** Calls in flight at the start. Default 8. */
  start?: number;
  /** The most calls in flight. Default 32. */
  max?: number;
  /** Milliseconds that only grow. Default: performance.now. */
  now?: () => number;
}

interface Waiter {
  start: () => void;
}

/** How many calls more than can run at once are let in, so that the queue of the limiter is not empty. */
const AHEAD = 4;
/** A window whose mean latency is above this multiple of the best one seen means that the server is saturated. */
const latencyTolerance = 2;
/** The best latency counts double after this time, so that slower calls after quick ones do not stay at a low limit. */
const bestLatencyDoublesMs = 2000;
/** How long to hold back after a push-back that names no time. */
const defaultPauseMs = 250;

/**
 * Concurrency that adapts to the API server: additive increase, multiplicative decrease.
 *
 *     window     = as many finished calls as the limit in force
 *     grow by 1  after a window that used the whole limit, while its mean latency stays within twice the best window's
 *     halve      on 429, 503 and timeouts; calls that began before a halving do not halve again
 *     pause      everything for Retry-After (250 ms where none is given) after 429 and 503
 *
 * Calls start in the order they were asked for. The limiter never repeats a call.
 */
export class AdaptiveLimiter {
  readonly #max: number;
  readonly #now: () => number;
  #limit: number;
  #running = 0;
  readonly #waiting = new Set<Waiter>();
  #pausedUntil = 0;
  #pauseTimer: NodeJS.Timeout | undefined;
  #epoch = 0;
  #admitted = 0;
  readonly #outside: (() => void)[] = [];
  #window = { finished: 0, latency: 0, saturated: false };
  #bestLatency = Infinity;
  #bestSince = 0;

  constructor(options: LimiterOptions = {}) {
    this.#max = options.max ?? 32;
    this.#limit = Math.min(options.start ?? 8, this.#max);
    this.#now = options.now ?? (() => performance.now());
  }

  /** The most calls ever allowed in flight. */
  get max(): number {
    return this.#max;
  }

  /** The calls allowed in flight at this moment. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Runs `call` when its turn has come and gives its result or error. Push-back is recognised in KubernetesApiErrors.
   * Rejects with the signal's reason when it is aborted before the call began; pass the signal into `call` as well.
   */
  async run<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#turn(signal);
    const epoch = this.#epoch;
    const startedAt = this.#now();
    try {
      const result = await call();
      this.#succeeded(this.#now() - startedAt);
      return result;
    } catch (error) {
      this.#failed(error, epoch);
      throw error;
    } finally {
      this.#running--;
      this.#startWaiting();
    }
  }

  /**
   * Begins `work`, which calls `run`, once few others are ahead of it, in the order asked: so that what a call needs is
   * prepared shortly before it is sent, and not for all that wait. Do not nest.
   */
  async admit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#admitted < this.#max + AHEAD) this.#admitted++;
    else await new Promise<void>((resolve) => this.#outside.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#outside.shift();
      if (next === undefined) this.#admitted--;
      else next();
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#waiting.size === 0 && this.#mayStart(this.#now())) {
      this.#running++;
      return;
    }
    await this.#wait(signal);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        start: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
      this.#startWaiting();
    });
  }

  #mayStart(now: number): boolean {
    return this.#running < this.#limit && now >= this.#pausedUntil;
  }

  #startWaiting(): void {
    // One moment for all of it: a pause that ended in between would be waited for by nobody.
    const now = this.#now();
    for (const waiter of this.#waiting) {
      if (!this.#mayStart(now)) break;
      this.#waiting.delete(waiter);
      this.#running++;
      waiter.start();
    }
    if (this.#waiting.size === 0) return;
    if (this.#running >= this.#limit) this.#window.saturated = true;
    this.#wakeAfterPause(now);
  }

  #wakeAfterPause(now: number): void {
    const left = this.#pausedUntil - now;
    if (left <= 0 || this.#pauseTimer !== undefined) return;
    this.#pauseTimer = setTimeout(() => {
      this.#pauseTimer = undefined;
      this.#startWaiting();
    }, Math.ceil(left));
  }

  #succeeded(latency: number): void {
    const window = this.#window;
    window.finished++;
    window.latency += latency;
    if (window.finished < this.#limit) return;
    const mean = window.latency / window.finished;
    const best = this.#bestLatency * 2 ** ((this.#now() - this.#bestSince) / bestLatencyDoublesMs);
    const holds = mean <= best * latencyTolerance;
    if (window.saturated && holds) this.#limit = Math.min(this.#limit + 1, this.#max);
    if (mean < best) {
      this.#bestLatency = mean;
      this.#bestSince = this.#now();
    }
    this.#resetWindow();
  }

  #failed(error: unknown, epoch: number): void {
    if (!(error instanceof KubernetesApiError)) return;
    const pushedBack = error.status === 429 || error.status === 503;
    if (!pushedBack && error.code !== "KUBERNETES_TIMEOUT") return;
    if (pushedBack) {
      this.#pausedUntil = Math.max(this.#pausedUntil, this.#now() + (error.retryAfterMs ?? defaultPauseMs));
    }
    if (epoch !== this.#epoch) return;
    this.#epoch++;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#resetWindow();
  }

  #resetWindow(): void {
    this.#window = { finished: 0, latency: 0, saturated: false };
  }
}

/**
 * Runs `call` for each item through the limiter and gives the results in the items' order. After the first error no
 * further item is begun; it is thrown once all begun ones have ended, so that nothing goes on behind the caller's back.
 */
export async function mapLimited<T, R>(
  items: readonly T[],
  limiter: AdaptiveLimiter,
  call: (item: T, index: number) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const stop = new AbortController();
  const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const results: R[] = [];
  const remaining = items.entries();
  const one = async (item: T, index: number): Promise<void> => {
    try {
      results[index] = await call(item, index);
    } catch (error) {
      // Told before the limiter goes on, so that it begins nothing more.
      stop.abort(error);
      throw error;
    }
  };
  // One lane more than can run keeps the limiter's queue from being empty; a lane per item would cost memory.
  const lanes = Array.from({ length: Math.min(items.length, limiter.max + 1) }, async () => {
    for (const [index, item] of remaining) await limiter.run(() => one(item, index), stopped);
  });
  const settled = await Promise.allSettled(lanes);
  if (settled.some(({ status }) => status === "rejected")) throw stopped.reason;
  return results;
}
