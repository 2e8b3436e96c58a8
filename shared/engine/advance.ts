import { isRetryable } from "../errors.ts";
import { backoffMs, failureOf } from "./backoff.ts";
import { LeaseLostError, RunNotFoundError } from "./errors.ts";
import { HeldLease } from "./held-lease.ts";
import { runLease } from "./lease-names.ts";
import { undoStages } from "./migration.ts";
import type { Stage } from "./migration.ts";
import type { JsonObject } from "../json.ts";
import type { StageRecord } from "./records.ts";
import { isEnd } from "./records.ts";
import { RunSession } from "./session.ts";
import type { EngineParts } from "./settings.ts";
import { enterStage, runStage } from "./stage-runner.ts";
import { clearStuckBatches, sendAdvance } from "./stage-batches.ts";
import { toEnd, toFailed, toRunning, toStage, toWaiting } from "./transitions.ts";
import { beginUndo } from "./undo.ts";

/** What a step left: go on at once, or stop here because a message or a person will continue. */
export type Step = "on" | "stop";

/**
 * Takes a run as far as it goes now: until it waits, ends, fails, has batches under way, or the signal aborts. Does
 * nothing when another worker holds the run's lease. Never throws for what goes wrong with the run itself: that is
 * recorded in it.
 */
export async function advanceRun<C>(
  parts: EngineParts<C>,
  runId: string,
  signal: AbortSignal,
): Promise<void> {
  const request = { name: runLease(runId), holder: parts.holder, ttlMs: parts.leaseTtlMs, signal };
  await using lease = await HeldLease.take(parts, request);
  if (lease === undefined) {
    await sendAdvance(parts, runId, parts.busyDelayMs);
    return;
  }
  const session = await openSession(parts, runId, lease);
  await session.deliverEvents();
  await drive(session);
}

async function openSession<C>(
  parts: EngineParts<C>,
  runId: string,
  lease: HeldLease,
): Promise<RunSession<C>> {
  const run = await parts.store.getRun(runId);
  const control = await parts.store.getControl(runId);
  if (run === undefined || control === undefined) throw new RunNotFoundError(runId);
  const migration = parts.migrations.get(run.migration);
  if (migration === undefined)
    throw new Error(`run ${runId} needs the migration ${run.migration}, which is not installed`);
  return new RunSession(parts, lease, { run, control, migration });
}

async function drive<C>(session: RunSession<C>): Promise<void> {
  for (;;) {
    if (session.lease.signal.aborted) {
      await sendAdvance(session.parts, session.run.runId);
      return;
    }
    const step = await guarded(session, () => takeStep(session));
    if (step === "stop") return;
  }
}

/** Turns what a step throws into the run's own state: backoff, failure, or silence when the lease is gone. */
async function guarded<C>(session: RunSession<C>, step: () => Promise<Step>): Promise<Step> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof LeaseLostError) return "stop";
    if (session.lease.signal.aborted) {
      await sendAdvance(session.parts, session.run.runId);
      return "stop";
    }
    return recordError(session, error);
  }
}

async function recordError<C>(session: RunSession<C>, error: unknown): Promise<Step> {
  const failure = failureOf(error);
  const attempt = session.run.attempt + 1;
  const { retry, clock } = session.parts;
  if (!isRetryable(error) || attempt >= retry.maxAttempts) {
    await session.save((from, now) => toFailed(from, failure, now));
    return "stop";
  }
  const delay = backoffMs(retry, attempt);
  const waiting = { reason: "Backoff", message: `${failure.code}: ${failure.message}` } as const;
  await session.save(({ run, events }, now) =>
    toWaiting({ run: { ...run, attempt }, events }, waiting, clock.now() + delay, now),
  );
  await sendAdvance(session.parts, session.run.runId, delay);
  return "stop";
}

async function takeStep<C>(session: RunSession<C>): Promise<Step> {
  await session.refreshControl();
  const { run, control } = session;
  if (control.undo !== undefined && run.track === "forward") return beginUndo(session);
  if (isEnd(run.state)) return "stop";
  if (run.state === "Failed" && control.retries <= run.retriesSeen) return "stop";
  if (control.pause) {
    const waiting = { reason: "Paused", message: "paused by a person" } as const;
    await session.save((from, now) => toWaiting(from, waiting, undefined, now));
    return "stop";
  }
  if (control.retries > run.retriesSeen) await retry(session);
  return stepStage(session);
}

async function retry<C>(session: RunSession<C>): Promise<void> {
  const { run, control, parts } = session;
  if (run.stage !== undefined) {
    await clearStuckBatches(parts, { runId: run.runId, track: run.track, stage: run.stage });
  }
  await session.save((from, now) =>
    toRunning(
      { ...from, run: { ...from.run, attempt: 0, retriesSeen: control.retries, resumedAt: now } },
      now,
    ),
  );
}

async function stepStage<C>(session: RunSession<C>): Promise<Step> {
  const records = await session.parts.store.listStages(session.run.runId);
  const stages = stagesOf(session, records);
  const current = session.run.stage ?? stages[0]?.name;
  const index = stages.findIndex(({ name }) => name === current);
  const stage = stages[index];
  if (stage === undefined) return end(session);
  const record = records.find(({ track, stage: name }) => track === session.run.track && name === stage.name);
  if (record?.state === "done") {
    const next = stages[index + 1];
    if (next === undefined) return end(session);
    await session.save((from) => toStage(from, next.name));
    return "on";
  }
  if (session.run.stage === undefined) await session.save((from) => toStage(from, stage.name));
  const entered = record ?? (await enterStage(session, stage));
  return entered === "stop" ? "stop" : runStage(session, stage, entered);
}

function stagesOf<C>(
  session: RunSession<C>,
  records: readonly StageRecord[],
): readonly Stage<C, JsonObject>[] {
  if (session.run.track === "forward") return session.migration.stages;
  const started = new Set(records.filter(({ track }) => track === "forward").map(({ stage }) => stage));
  return undoStages(session.migration, started);
}

async function end<C>(session: RunSession<C>): Promise<Step> {
  const undone = session.control.undo === "abort" ? "Aborted" : "RolledBack";
  await session.save((from, now) => toEnd(from, session.run.track === "forward" ? "Succeeded" : undone, now));
  return "stop";
}
