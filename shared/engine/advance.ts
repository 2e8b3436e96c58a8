import { isRetryable } from "../errors.ts";
import { abandonRun } from "./abandon.ts";
import { backoffMs, failureOf } from "./backoff.ts";
import { LeaseLostError } from "./errors.ts";
import { HeldLease, unlessLost } from "./held-lease.ts";
import { runLease } from "./lease-names.ts";
import { failRun, heedLock } from "./lock-keeping.ts";
import { undoStages } from "./migration.ts";
import type { Stage } from "./migration.ts";
import type { JsonObject } from "../json.ts";
import type { RunControl, RunRecord, StageRecord, Track } from "./records.ts";
import { isEnd } from "./records.ts";
import { newResolutions, resolutionKey } from "./resolutions.ts";
import { RunSession, type Step } from "./session.ts";
import type { EngineParts } from "./settings.ts";
import { showRun } from "./show.ts";
import { checkStages, migrationUnknown, stageUnknown } from "./stage-list.ts";
import { enterStage, runStage } from "./stage-runner.ts";
import { clearStuckBatches, sendAdvance } from "./stage-batches.ts";
import { announce, toEnd, toRunning, toStage, toWaiting, type Transition } from "./transitions.ts";
import { beginUndo } from "./undo.ts";

/**
 * Takes a run as far as it goes now: until it waits, ends, fails, has batches under way, or the signal aborts. Does
 * nothing when another worker holds the run's lease, or when there is no such run. Never throws for what goes wrong with
 * the run itself: that is recorded in it. Throws RUN_MIGRATION_UNKNOWN.
 */
export async function advanceRun<C>(
  parts: EngineParts<C>,
  { runId, track = "forward" }: { runId: string; track?: Track },
  signal: AbortSignal,
): Promise<void> {
  const request = { name: runLease(runId), holder: parts.holder, ttlMs: parts.leaseTtlMs, signal };
  await using lease = await HeldLease.take(parts, request);
  if (lease === undefined) {
    await sendAdvance(parts, { runId, track }, parts.busyDelayMs);
    return;
  }
  const stored = await read(parts, runId);
  if (stored === undefined) return;
  if (stored.control.abandon !== undefined && !isEnd(stored.run.state)) {
    await unlessLost(() => abandonRun(parts, lease, stored));
    return;
  }
  const session = openSession(parts, lease, stored);
  await unlessLost(async () => {
    await session.deliverEvents();
    await drive(session);
    await session.leave();
  });
}

/** A run with what people ask of it. */
interface Stored {
  run: RunRecord;
  control: RunControl;
}

async function read<C>({ store }: EngineParts<C>, runId: string): Promise<Stored | undefined> {
  const run = await store.getRun(runId);
  const control = await store.getControl(runId);
  return run === undefined || control === undefined ? undefined : { run, control };
}

function openSession<C>(parts: EngineParts<C>, lease: HeldLease, { run, control }: Stored): RunSession<C> {
  const migration = parts.migrations.get(run.migration);
  if (migration === undefined) throw migrationUnknown(run);
  return new RunSession(parts, lease, { run, control, migration });
}

async function drive<C>(session: RunSession<C>): Promise<void> {
  for (;;) {
    if (session.lease.signal.aborted) {
      await sendAdvance(session.parts, session.run);
      return;
    }
    const step = await guarded(session, () => takeStep(session));
    await showRun(session);
    if (step === "stop") return;
  }
}

/** Turns what a step throws into the run's own state: backoff or failure. Throws LeaseLostError when the lease is gone. */
async function guarded<C>(session: RunSession<C>, step: () => Promise<Step>): Promise<Step> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof LeaseLostError) throw error;
    if (session.lease.signal.aborted) {
      await sendAdvance(session.parts, session.run);
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
    const retriesSeen = session.control.retries;
    return failRun(session, failure, ({ run, events }) => ({ run: { ...run, retriesSeen }, events }));
  }
  const delay = backoffMs(retry, attempt);
  const waiting = { reason: "Backoff", message: `${failure.code}: ${failure.message}` } as const;
  await session.save(({ run, events }, now) =>
    toWaiting({ run: { ...run, attempt }, events }, waiting, clock.now() + delay, now),
  );
  await sendAdvance(session.parts, session.run, delay);
  return "stop";
}

async function takeStep<C>(session: RunSession<C>): Promise<Step> {
  await session.refreshControl();
  await heedLock(session);
  const { run, control } = session;
  // Whoever takes the run up next gives it up, with nothing of it under way.
  if (control.abandon !== undefined && !isEnd(run.state)) {
    await sendAdvance(session.parts, run);
    return "stop";
  }
  if (run.state === "Failed" && control.retries <= run.retriesSeen) return "stop";
  if (control.undo !== undefined && run.track === "forward") return beginUndo(session);
  if (isEnd(run.state)) return "stop";
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
  await session.save((from, now) => {
    const { run, events } = tellDecisions(from, control, now);
    const seen = { ...run, attempt: 0, retriesSeen: control.retries, resumedAt: now };
    return toRunning({ run: seen, events }, now);
  });
}

/** Who decided what goes into the run's history. */
function tellDecisions(from: Transition, control: RunControl, now: number): Transition {
  const decisions = newResolutions(from.run, control).map((resolution) => {
    const { use, by } = resolution;
    return { key: resolutionKey(resolution), use, by };
  });
  if (decisions.length === 0) return from;
  return announce(from, "conflict.resolved", { count: decisions.length, decisions }, now);
}

async function stepStage<C>(session: RunSession<C>): Promise<Step> {
  const records = await session.parts.store.listStages(session.run.runId);
  checkStages(session.migration, session.run, records);
  const stages = stagesOf(session, records);
  const current = session.run.stage ?? stages[0]?.name;
  if (current === undefined) return end(session);
  const index = stages.findIndex(({ name }) => name === current);
  const stage = stages[index];
  if (stage === undefined) throw stageUnknown(session.run, current);
  const record = records.find(({ track, stage: name }) => track === session.run.track && name === stage.name);
  if (record?.state === "done") {
    const next = stages[index + 1];
    if (next === undefined) return end(session, record);
    await session.save((from, now) => toStage(completed(from, record, now), next.name));
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

/** Tells of a stage that is done in the same save as the step to the next one, so that it is told exactly once. */
function completed(from: Transition, { stage, track, counts }: StageRecord, now: number): Transition {
  return announce(toRunning(from, now), "stage.completed", { stage, track, counts }, now);
}

async function end<C>(session: RunSession<C>, last?: StageRecord): Promise<Step> {
  const undone = session.control.undo === "abort" ? "Aborted" : "RolledBack";
  const state = session.run.track === "forward" ? "Succeeded" : undone;
  await session.save((from, now) =>
    toEnd(last === undefined ? from : completed(from, last, now), state, now),
  );
  return "stop";
}
