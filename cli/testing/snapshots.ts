import { aControl, aRun, aStage } from "../../shared/engine/contract/fixtures.ts";
import type { DomainEvent, RunRecord, StageRecord } from "../../shared/engine/records.ts";
import type { Snapshot } from "../drive/snapshot.ts";

/** A snapshot at `seconds` of a run that began at 0. */
export function snapshotAt(
  seconds: number,
  over: { run?: Partial<RunRecord>; stages?: StageRecord[]; events?: DomainEvent[] } = {},
): Snapshot {
  const run = aRun({ runId: "r1", migration: "fake", state: "Running", createdAt: 0, ...over.run });
  return {
    run,
    control: aControl(),
    stages: over.stages ?? [],
    events: over.events ?? [],
    now: seconds * 1000,
  };
}

/** The fake migration's sweep, which began at 1 s. */
export function copyStage(done: number, over: Partial<StageRecord> = {}): StageRecord {
  const counters = { total: 1000, batches: 10, openBatches: 5, planned: true, counts: { copied: done } };
  return aStage({ stage: "copy", startedAt: 1000, ...counters, ...over });
}
