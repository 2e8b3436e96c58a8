import type { CheckpointStore } from "../../shared/engine/ports.ts";
import type { BatchRecord, DomainEvent, RunControl, RunRecord } from "../../shared/engine/records.ts";
import { overriding } from "./overriding.ts";

/**
 * The same store, which is given no secret in what people read: why runs and batches failed or wait, and what events tell.
 * An error of somebody else's library may quote anything.
 */
export function redactedStore(store: CheckpointStore, redact: (text: string) => string): CheckpointStore {
  return overriding(store, {
    saveRun: (run, lease, events) =>
      store.saveRun(
        redactRun(run, redact),
        lease,
        events.map((event) => redactEvent(event, redact)),
      ),
    updateControl: (runId, change) =>
      store.updateControl(runId, (control) => redactControl(change(control), redact)),
    saveBatch: (batch, lease) => store.saveBatch(redactBatch(batch, redact), lease),
  });
}

function redactRun(run: RunRecord, redact: (text: string) => string): RunRecord {
  const { failure, waiting, conditions } = run;
  return {
    ...run,
    conditions: redactTexts(conditions, redact),
    ...(failure === undefined ? {} : { failure: redactTexts(failure, redact) }),
    ...(waiting === undefined ? {} : { waiting: redactTexts(waiting, redact) }),
  };
}

/** What people ask holds no text of an error; why a run goes back by itself does. */
function redactControl(control: RunControl, redact: (text: string) => string): RunControl {
  const { undoCause } = control;
  return undoCause === undefined ? control : { ...control, undoCause: redactTexts(undoCause, redact) };
}

function redactBatch(batch: BatchRecord, redact: (text: string) => string): BatchRecord {
  const { failure } = batch;
  return failure === undefined ? batch : { ...batch, failure: redactTexts(failure, redact) };
}

function redactEvent(event: DomainEvent, redact: (text: string) => string): DomainEvent {
  return { ...event, data: redactTexts(event.data, redact) };
}

function redactTexts<T>(value: T, redact: (text: string) => string): T {
  const replaced = (_key: string, member: unknown): unknown =>
    typeof member === "string" ? redact(member) : member;
  return JSON.parse(JSON.stringify(value, replaced)) as T;
}
