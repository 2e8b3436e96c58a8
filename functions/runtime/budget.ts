/** The most that is kept back of a function's time, so that work can be saved and handed on. Milliseconds. */
const MOST_KEPT_BACK_MS = 10_000;

/** The time that an invocation has. */
export interface TimeBudget extends Disposable {
  /** Aborts when what is left of the invocation is needed to end well. */
  readonly signal: AbortSignal;
}

/**
 * Starts the clock of an invocation: the signal aborts ten seconds before its time is over, or when a sixth of the time
 * is left where that is less.
 */
export function timeBudget(context: { getRemainingTimeInMillis(): number }): TimeBudget {
  const remaining = context.getRemainingTimeInMillis();
  const controller = new AbortController();
  const timer = setTimeout(
    () => {
      controller.abort(new Error("the invocation's time is nearly over"));
    },
    Math.max(0, remaining - keptBack(remaining)),
  );
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
    },
  };
}

function keptBack(remaining: number): number {
  return Math.min(MOST_KEPT_BACK_MS, remaining / 6);
}
