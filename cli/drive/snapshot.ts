import type { Retries } from "./retries.ts";
import { RunNotFoundError } from "../../shared/engine/errors.ts";
import type { CheckpointStore } from "../../shared/engine/ports.ts";
import type { DomainEvent, RunControl, RunRecord, StageRecord } from "../../shared/engine/records.ts";

/** What the store says of a run at one moment. */
export interface Snapshot {
  run: RunRecord;
  control: RunControl;
  stages: StageRecord[];
  /** The events since the snapshot before. */
  events: DomainEvent[];
  /** What is tried again, as of some seconds ago at most; undefined when nothing, or when nobody asked. */
  retries?: Retries;
  now: number;
}

const EVENTS = 1000;

/** Reads a run with the events after number `after`. Throws RunNotFoundError. */
export async function readSnapshot(
  { store, world }: { store: CheckpointStore; world: { clock: { now: () => number } } },
  runId: string,
  after: number,
): Promise<Snapshot> {
  const run = await store.getRun(runId);
  const control = await store.getControl(runId);
  if (run === undefined || control === undefined) throw new RunNotFoundError(runId);
  const stages = await store.listStages(runId);
  const events = await store.listEvents({ runId, after, limit: EVENTS });
  return { run, control, stages, events, now: world.clock.now() };
}
