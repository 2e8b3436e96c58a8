import type { CheckpointStore, EventSink } from "../../shared/engine/ports.ts";
import type { DomainEvent, RunRecord } from "../../shared/engine/records.ts";
import { overriding } from "./overriding.ts";
import type { Counter, Log, Meter } from "./ports.ts";

/** Events that are counted. */
const COUNTERS: Readonly<Record<string, Counter>> = {
  "run.started": "RunsStarted",
  "run.failed": "RunsFailed",
};

const ENDS: Readonly<Record<string, Counter>> = {
  Succeeded: "RunsSucceeded",
  RolledBack: "RunsRolledBack",
  Aborted: "RunsAborted",
};

/** The same store; log lines carry the run that was read or saved last, and batches that are done are counted. */
export function observedStore(
  store: CheckpointStore,
  { log, meter }: { log: Log; meter: Meter },
): CheckpointStore {
  const seen = <R extends RunRecord | undefined>(run: R): R => {
    if (run !== undefined) log.appendKeys(keysOf(run));
    return run;
  };
  return overriding(store, {
    getRun: async (runId) => seen(await store.getRun(runId)),
    saveRun: async (run, lease, events) => seen(await store.saveRun(run, lease, events)),
    closeBatch: async (ref, as, counts, lease) => {
      const stage = await store.closeBatch(ref, as, counts, lease);
      if (stage !== undefined && as === "done") meter.count("BatchesDone");
      return stage;
    },
  });
}

/** The same sink; every event is a log line, and what it counts is counted. */
export function observedSink(sink: EventSink, { log, meter }: { log: Log; meter: Meter }): EventSink {
  return {
    emit: async (events) => {
      await sink.emit(events);
      for (const event of events) {
        log.info(event.type, { run: event.runId, sequence: event.sequence, ...event.data });
        const counter = counterOf(event);
        if (counter !== undefined) meter.count(counter);
      }
    },
  };
}

function counterOf({ type, data }: DomainEvent): Counter | undefined {
  return type === "run.ended" ? ENDS[data["state"] as string] : COUNTERS[type];
}

function keysOf({ runId, cluster, stage, attempt, track }: RunRecord): Record<string, unknown> {
  return { run: runId, cluster, stage, attempt, track };
}
