import type { CheckpointStore } from "../../shared/engine/ports.ts";
import type { BatchRecord, Failure, RunRecord, StageRecord } from "../../shared/engine/records.ts";

/** What a run tries again and again: a person can often end it sooner than it would end by itself. */
export interface Retries {
  stage: string;
  /** How many batches have failed and are tried again. */
  batches: number;
  /** Failed tries in a row of the one that has failed most often, and why it failed last. */
  attempts: number;
  failure: Failure;
}

const PAGE = 500;

/** What the present stage of a run tries again; undefined when nothing. Reads every open batch of the stage. */
export async function readRetries(
  store: Pick<CheckpointStore, "listOpenBatches">,
  { runId, track, stage: name }: RunRecord,
  stages: readonly StageRecord[],
): Promise<Retries | undefined> {
  const stage = stages.find((one) => one.track === track && one.stage === name);
  if (name === undefined || stage === undefined || stage.openBatches === 0) return undefined;
  let retries: Retries | undefined;
  for (let after: number | undefined; ;) {
    const query = after === undefined ? { limit: PAGE } : { after, limit: PAGE };
    const batches = await store.listOpenBatches({ runId, track, stage: name }, query);
    retries = batches.reduce((found, batch) => withBatch(name, found, batch), retries);
    after = batches.at(-1)?.batch;
    if (after === undefined) return retries;
  }
}

/** As a part of a line: `3 batches are tried again (4 times so far): the API server failed (KUBERNETES_SERVER_ERROR)`. */
export function retriesText({ batches, attempts, failure }: Retries): string {
  const what = batches === 1 ? "1 batch is" : `${batches} batches are`;
  const times = attempts === 1 ? "once" : `${attempts} times`;
  return `${what} tried again (failed ${times}): ${failure.message} (${failure.code})`;
}

function withBatch(stage: string, found: Retries | undefined, batch: BatchRecord): Retries | undefined {
  const { attempts, failure } = batch;
  if (attempts === 0 || failure === undefined) return found;
  const batches = (found?.batches ?? 0) + 1;
  return found === undefined || attempts > found.attempts
    ? { stage, batches, attempts, failure }
    : { ...found, batches };
}
