import type { CheckpointStore } from "../../shared/engine/ports.ts";
import { type DomainEvent, isEnd, type RunRecord } from "../../shared/engine/records.ts";

/** What is known of a run's lock, as of its event number `sequence`. */
interface Known {
  sequence: number;
  lockedAt?: number;
}

const RUNS_AT_ONCE = 100;
const EVENTS_AT_ONCE = 100;

/** How many of the newest runs are looked at. */
const MOST_RUNS = 1_000;

/**
 * Knows since when the datastores of unfinished runs are locked, from the events `datastore.locked` and
 * `datastore.unlocked`. What it has read of a run's events it does not read again, so that a look costs one page of runs
 * as long as nothing happens.
 */
export class LockWatch {
  readonly #store: Pick<CheckpointStore, "listRuns" | "listEvents">;
  readonly #known = new Map<string, Known>();

  constructor(store: Pick<CheckpointStore, "listRuns" | "listEvents">) {
    this.#store = store;
  }

  /** When the oldest lock that is still held was taken; undefined when there is none. Ends early when `signal` aborts. */
  async oldestLock(signal: AbortSignal): Promise<number | undefined> {
    let oldest: number | undefined;
    for await (const run of this.#newestRuns(signal)) {
      const lockedAt = await this.#lockedAt(run);
      if (lockedAt !== undefined && (oldest === undefined || lockedAt < oldest)) oldest = lockedAt;
    }
    return oldest;
  }

  async *#newestRuns(signal: AbortSignal): AsyncGenerator<RunRecord, void> {
    let cursor: string | undefined;
    for (let read = 0; read < MOST_RUNS && !signal.aborted; read += RUNS_AT_ONCE) {
      const query = { limit: RUNS_AT_ONCE };
      const page = await this.#store.listRuns(cursor === undefined ? query : { ...query, cursor });
      yield* page.items;
      if (page.cursor === undefined) return;
      cursor = page.cursor;
    }
  }

  async #lockedAt(run: RunRecord): Promise<number | undefined> {
    const { runId } = run;
    if (isEnd(run.state)) {
      this.#known.delete(runId);
      return undefined;
    }
    let known = this.#known.get(runId) ?? { sequence: 0 };
    while (known.sequence < run.eventSequence) {
      const events = await this.#store.listEvents({ runId, after: known.sequence, limit: EVENTS_AT_ONCE });
      if (events.length === 0) break;
      known = events.reduce(learn, known);
    }
    this.#known.set(runId, known);
    return known.lockedAt;
  }
}

function learn(known: Known, { sequence, type, time }: DomainEvent): Known {
  if (type === "datastore.unlocked") return { sequence };
  if (type === "datastore.locked") return { sequence, lockedAt: known.lockedAt ?? time };
  return { ...known, sequence };
}
