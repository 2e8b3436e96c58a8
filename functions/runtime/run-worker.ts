import { EventBridgeSink } from "../../shared/adapters/aws/eventbridge/event-sink.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import { busClient } from "./clients.ts";
import type { RollbackEnvironment } from "./environment.ts";
import { scheduledLater } from "./later.ts";
import type { Observers, Refusals } from "./ports.ts";
import { BusRefusals } from "./refusals.ts";
import type { QueueUrls } from "./visibility.ts";
import { assembleWorker, type Worker } from "./worker.ts";

/** Puts together what `run` and `rollback` share: they tell the bus of what happens. */
export function assembleRunWorker(
  environment: RollbackEnvironment,
  queueUrls: QueueUrls,
  observers: Observers,
): Worker & { refusals: Refusals } {
  const bus = { eventBridge: busClient(), busName: environment.EVENT_BUS_NAME };
  const onDropped = ({ runId, sequence }: { runId: string; sequence: number }, reason: string): void => {
    observers.log.error("the bus does not take an event", { run: runId, sequence, reason });
  };
  const events = new EventBridgeSink({ ...bus, onDropped });
  const worker = assembleWorker(environment, {
    queueUrls,
    events,
    later: scheduledLater(environment),
    ...observers,
  });
  return { ...worker, refusals: new BusRefusals({ ...bus, clock: new SystemClock() }) };
}
