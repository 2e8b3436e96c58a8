import type { BatchRef } from "./records.ts";

/** The lease of a run: who advances it. */
export function runLease(runId: string): string {
  return `run/${runId}`;
}

/** The lease of a batch: who works on it. */
export function batchLease(ref: BatchRef): string {
  return `batch/${ref.runId}/${ref.track}/${ref.stage}/${ref.batch}`;
}
