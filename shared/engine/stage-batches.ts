import type { BatchRecord, BatchRef, RunRecord, StageRef } from "./records.ts";
import { HeldLease } from "./held-lease.ts";
import { batchLease } from "./lease-names.ts";
import type { EngineParts } from "./settings.ts";

const PAGE = 100;

/** Asks for a run to be advanced. */
export async function sendAdvance<C>(
  parts: EngineParts<C>,
  { runId, track }: Pick<RunRecord, "runId" | "track">,
  delayMs = 0,
): Promise<void> {
  const message = { type: "run.advance", runId, ...(track === "rollback" ? { track } : {}) } as const;
  await parts.queue.send([{ message, delayMs }]);
}

/** Asks for batches to be worked on. */
export async function sendBatches<C>(
  parts: EngineParts<C>,
  batches: readonly BatchRef[],
  delayMs = 0,
): Promise<void> {
  const messages = batches.map(({ runId, track, stage, batch }) => ({
    message: { type: "batch.work" as const, runId, track, stage, batch },
    delayMs,
  }));
  if (messages.length > 0) await parts.queue.send(messages);
}

/** The open batches of a stage, a page at a time. */
export async function* openBatchPages<C>(
  parts: EngineParts<C>,
  ref: StageRef,
): AsyncGenerator<BatchRecord[], void> {
  let after: number | undefined;
  for (;;) {
    const query = after === undefined ? { limit: PAGE } : { after, limit: PAGE };
    const page = await parts.store.listOpenBatches(ref, query);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.batch;
  }
}

/** Sends every open batch of a stage again: for messages that were lost. */
export async function resendOpenBatches<C>(parts: EngineParts<C>, ref: StageRef): Promise<void> {
  for await (const page of openBatchPages(parts, ref)) await sendBatches(parts, page);
}

/** The first batch that has failed for good, if any. */
export async function stuckBatch<C>(parts: EngineParts<C>, ref: StageRef): Promise<BatchRecord | undefined> {
  for await (const page of openBatchPages(parts, ref)) {
    const stuck = page.find((batch) => batch.stuck);
    if (stuck !== undefined) return stuck;
  }
  return undefined;
}

/** Gives every batch that has failed for good another chance. */
export async function clearStuckBatches<C>(parts: EngineParts<C>, ref: StageRef): Promise<void> {
  for await (const page of openBatchPages(parts, ref)) {
    for (const batch of page.filter(({ stuck }) => stuck)) await clearStuck(parts, batch);
    await sendBatches(parts, page);
  }
}

async function clearStuck<C>(parts: EngineParts<C>, batch: BatchRecord): Promise<void> {
  await using lease = await takeBatchLease(parts, batch);
  if (lease === undefined) return;
  const { failure, ...rest } = batch;
  await parts.store.saveBatch({ ...rest, stuck: false, attempts: 0 }, lease.current);
}

/** Closes every open batch without counting it, so that nobody works on it any more. False while a worker is at one. */
export async function cancelOpenBatches<C>(parts: EngineParts<C>, ref: StageRef): Promise<boolean> {
  let all = true;
  for await (const page of openBatchPages(parts, ref)) {
    for (const batch of page) all = (await cancelBatch(parts, batch)) && all;
  }
  return all;
}

async function cancelBatch<C>(parts: EngineParts<C>, batch: BatchRef): Promise<boolean> {
  await using lease = await takeBatchLease(parts, batch);
  if (lease === undefined) return false;
  await parts.store.closeBatch(batch, "cancelled", {}, lease.current);
  return true;
}

function takeBatchLease<C>(parts: EngineParts<C>, batch: BatchRef): Promise<HeldLease | undefined> {
  const signal = new AbortController().signal;
  return HeldLease.take(parts, {
    name: batchLease(batch),
    holder: parts.holder,
    ttlMs: parts.leaseTtlMs,
    signal,
  });
}
