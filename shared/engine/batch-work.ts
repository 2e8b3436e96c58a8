import { isRetryable } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { backoffMs, failureOf } from "./backoff.ts";
import { stageContext } from "./context.ts";
import { heldBatch } from "./deadlines.ts";
import { LeaseLostError } from "./errors.ts";
import { HeldLease, unlessLost } from "./held-lease.ts";
import { batchLease } from "./lease-names.ts";
import { backStages, type BatchOutcome, type Stage } from "./migration.ts";
import type { BatchRecord, BatchRef, RunControl, RunRecord } from "./records.ts";
import { isEnd } from "./records.ts";
import type { EngineParts } from "./settings.ts";
import { sendAdvance, sendBatches } from "./stage-batches.ts";

/**
 * Works on one batch as far as it goes now. Does nothing when the batch is closed, when the run is paused, failed,
 * ended or turned around, or when another worker is at it. What goes wrong is recorded in the batch.
 */
export async function workBatch<C>(parts: EngineParts<C>, ref: BatchRef, signal: AbortSignal): Promise<void> {
  const run = await parts.store.getRun(ref.runId);
  const control = await parts.store.getControl(ref.runId);
  if (run === undefined || control === undefined || !wantsWork(run, control, ref)) return;
  const name = batchLease(ref);
  await using lease = await HeldLease.take(parts, {
    name,
    holder: parts.holder,
    ttlMs: parts.leaseTtlMs,
    signal,
  });
  if (lease === undefined) {
    await sendBatches(parts, [ref], parts.leaseTtlMs);
    return;
  }
  const batch = await parts.store.getBatch(ref);
  if (batch?.state !== "open") await tellIfLast(parts, ref);
  else if (!batch.stuck) await unlessLost(() => attempt(parts, lease, { run, control, batch }));
}

/** A closed batch may have been the last one, and its worker may have died before it could tell the run. */
async function tellIfLast<C>(parts: EngineParts<C>, ref: BatchRef): Promise<void> {
  const stage = await parts.store.getStage(ref);
  if (stage?.state === "running" && stage.openBatches === 0) await sendAdvance(parts, ref);
}

function wantsWork(run: RunRecord, control: RunControl, ref: BatchRef): boolean {
  if (control.pause || isEnd(run.state) || run.state === "Failed") return false;
  return run.track === ref.track && !(control.undo !== undefined && ref.track === "forward");
}

/** A batch with all that is needed to work on it. */
interface Work {
  run: RunRecord;
  control: RunControl;
  batch: BatchRecord;
}

async function attempt<C>(parts: EngineParts<C>, lease: HeldLease, work: Work): Promise<void> {
  try {
    await settle(parts, lease, work, await runBatch(parts, lease, work));
  } catch (error) {
    if (error instanceof LeaseLostError) throw error;
    if (lease.signal.aborted) await sendBatches(parts, [work.batch]);
    else await recordError(parts, lease, work.batch, error);
  }
}

async function runBatch<C>(parts: EngineParts<C>, lease: HeldLease, work: Work): Promise<BatchOutcome> {
  const { run, control, batch } = work;
  const sweep = findStage(parts, run, batch.stage);
  const stage = await parts.store.getStage(batch);
  if (sweep?.kind !== "sweep" || stage === undefined) {
    throw new Error(`batch ${batch.batch} names ${batch.stage}, which is no sweep of ${run.migration}`);
  }
  const connections = await parts.connections.open(run.cluster, run.options);
  const announce = (): Promise<void> => Promise.reject(new Error("a batch cannot announce: its stage does"));
  const source = { parts, run, control, connections, lease, stage, mayRecord: false };
  return sweep.work(stageContext({ ...source, announce, tellLock: announce }), batch);
}

function findStage<C>(parts: EngineParts<C>, run: RunRecord, name: string): Stage<C, JsonObject> | undefined {
  const migration = parts.migrations.get(run.migration);
  if (migration === undefined) return undefined;
  const stages = run.track === "forward" ? migration.stages : backStages(migration);
  return stages.find((stage) => stage.name === name);
}

async function settle<C>(
  parts: EngineParts<C>,
  lease: HeldLease,
  { run, batch }: Work,
  outcome: BatchOutcome,
): Promise<void> {
  if ("more" in outcome) {
    const { failure, ...rest } = batch;
    const { held } = outcome;
    const stage = findStage(parts, run, batch.stage);
    const progress = outcome.progress === undefined ? {} : { progress: outcome.progress };
    const tried =
      held === undefined || stage === undefined
        ? { attempts: 0, stuck: false }
        : heldBatch(stage, run, { batch, held, now: parts.clock.now() });
    await parts.store.saveBatch({ ...rest, ...progress, ...tried }, lease.current);
    if (tried.stuck) return sendAdvance(parts, batch);
    return sendBatches(parts, [batch], outcome.retryAfterMs ?? 0);
  }
  const stage = await parts.store.closeBatch(batch, "done", outcome.counts, lease.current);
  if (stage?.openBatches === 0) await sendAdvance(parts, batch);
}

async function recordError<C>(
  parts: EngineParts<C>,
  lease: HeldLease,
  batch: BatchRecord,
  error: unknown,
): Promise<void> {
  // Until now the batch was held up, and `attempts` counted that: these were no failures.
  const attempts = batch.failure?.heldSince === undefined ? batch.attempts + 1 : 1;
  const stuck = !isRetryable(error) || attempts >= parts.retry.maxAttempts;
  await parts.store.saveBatch({ ...batch, attempts, stuck, failure: failureOf(error) }, lease.current);
  if (stuck) return sendAdvance(parts, batch);
  await sendBatches(parts, [batch], backoffMs(parts.retry, attempts));
}
