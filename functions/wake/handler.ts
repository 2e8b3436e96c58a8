import type { Context } from "aws-lambda";
import type { Engine } from "../../shared/engine/engine.ts";
import { failureOf } from "../../shared/engine/backoff.ts";
import type { CheckpointStore, Clock } from "../../shared/engine/ports.ts";
import { timeBudget } from "../runtime/budget.ts";
import type { Log, Meter } from "../runtime/ports.ts";

/** What the wake-up works with. */
export interface WakeParts<C> {
  store: Pick<CheckpointStore, "dueRuns">;
  engine: Pick<Engine<C>, "wakeIdle">;
  clock: Clock;
  /** Since when the oldest lock of a datastore is held; rejects where not all could be looked at. Milliseconds since the epoch. */
  oldestLock: (signal: AbortSignal) => Promise<number | undefined>;
  /** Removes what is left of runs that ended long ago, at most so many of them. */
  removeEndedRuns: (limit: number, signal: AbortSignal) => Promise<string[]>;
  log: Log;
  meter: Meter;
}

/** The most runs that are woken at a time; the others have their turn a minute later. */
const MOST_RUNS = 1_000;

/** How many are woken at once. */
const AT_ONCE = 10;

/** The most runs that are removed at a time: thousands of rows each. */
const MOST_REMOVED = 5;

/** Runs whose time came so long ago count as stalled. */
const STALLED_MS = 15 * 60_000;

/**
 * Measures stalled runs and the age of locks, wakes the runs whose time has come and that nobody works on, and spends the rest of its
 * time on removing runs that ended long ago. It measures first: many runs to wake must not hide a lock.
 */
export function wakeHandler<C>(parts: WakeParts<C>): (event: unknown, context: Context) => Promise<void> {
  return async (_event, context) => {
    using budget = timeBudget(context);
    await measure(parts, budget.signal);
    const due = await parts.store.dueRuns(parts.clock.now(), MOST_RUNS);
    for (let next = 0; next < due.length && !budget.signal.aborted; next += AT_ONCE) {
      await Promise.all(due.slice(next, next + AT_ONCE).map((runId) => wakeOne(parts, runId)));
    }
    await removeEnded(parts, budget.signal);
  };
}

/** Wakes a run unless a worker is at it. What goes wrong with one run keeps no other from being woken. */
async function wakeOne<C>({ engine, log }: WakeParts<C>, runId: string): Promise<void> {
  try {
    if (await engine.wakeIdle(runId)) log.info("woke a run", { run: runId });
  } catch (error) {
    log.error("a run could not be woken", { run: runId, failure: failureOf(error), error });
  }
}

/** What could not be removed is tried again with the next wake-up: nothing waits for it. */
async function removeEnded<C>({ removeEndedRuns, log }: WakeParts<C>, signal: AbortSignal): Promise<void> {
  try {
    for (const runId of await removeEndedRuns(MOST_REMOVED, signal))
      log.info("removed an old run", { run: runId });
  } catch (error) {
    log.error("old runs could not be removed", { failure: failureOf(error), error });
  }
}

async function measure<C>(
  { store, clock, oldestLock, log, meter }: WakeParts<C>,
  signal: AbortSignal,
): Promise<void> {
  const now = clock.now();
  try {
    const since = await oldestLock(signal);
    meter.gauge("LockAgeSeconds", since === undefined ? 0 : Math.max(0, (now - since) / 1000));
    meter.gauge("StalledRuns", (await store.dueRuns(now - STALLED_MS, MOST_RUNS)).length);
  } catch (error) {
    // Nothing is published after half a look: an alarm that misses its metric goes off.
    log.error("locks could not be measured", { failure: failureOf(error), error });
  }
}
