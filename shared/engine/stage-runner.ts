import type { Json, JsonObject } from "../json.ts";
import { askFor, type Shown, shownAlways } from "./approvals.ts";
import { stageContext } from "./context.ts";
import { refuseOverdue, withHeldSince, withoutHeldSince } from "./deadlines.ts";
import type { Stage, StageContext, StageOutcome, Sweep, WaitRequest } from "./migration.ts";
import { failRun, tellLockOf } from "./lock-keeping.ts";
import type { Failure, LockState, StageRecord } from "./records.ts";
import type { RunSession, Step } from "./session.ts";
import { sendAdvance, sendBatches, stuckBatch } from "./stage-batches.ts";
import { announce, toRunning, toWaiting } from "./transitions.ts";

/** Starts a stage: asks for the approvals it needs, then creates its record. */
export async function enterStage<C>(
  session: RunSession<C>,
  stage: Stage<C, JsonObject>,
): Promise<StageRecord | "stop"> {
  const fresh = newStageRecord(session, stage.name);
  const wanted = await missingForGood(session, stage, fresh);
  if (wanted !== undefined) return (await wait(session, wanted), "stop");
  if (stage.changesCluster === true && !session.run.holdsCluster) {
    await session.save((from) => ({ ...from, run: { ...from.run, holdsCluster: true } }));
  }
  // Told first: after a crash in between it is told again, rather than never.
  await session.save((from, now) =>
    announce(toRunning(from, now), "stage.started", { stage: stage.name, track: from.run.track }, now),
  );
  await session.parts.store.saveStage(fresh, session.lease.current);
  return fresh;
}

/** Runs a started stage as far as it goes now. */
export async function runStage<C>(
  session: RunSession<C>,
  stage: Stage<C, JsonObject>,
  record: StageRecord,
): Promise<Step> {
  const context = await contextOf(session, record);
  switch (stage.kind) {
    case "gate":
      return settle(session, stage, record, await stage.check(context));
    case "action":
      return settle(session, stage, record, await stage.act(context));
    case "sweep":
      return sweepStep(session, stage, record, context);
  }
}

function newStageRecord<C>(session: RunSession<C>, stage: string): StageRecord {
  const { runId, track } = session.run;
  const startedAt = session.parts.clock.now();
  const counters = { batches: 0, openBatches: 0, total: 0, counts: {} };
  return { runId, track, stage, state: "running", planned: false, ...counters, notes: {}, startedAt };
}

async function contextOf<C>(
  session: RunSession<C>,
  stage: StageRecord,
): Promise<StageContext<C, JsonObject>> {
  const { parts, run, control, lease } = session;
  const connections = await parts.connections.open(run.cluster, run.options);
  const tell = (type: string, data: JsonObject): Promise<void> =>
    session.save((from, now) => announce(from, type, data, now));
  const tellLock = (state: LockState, datastore: string, data: JsonObject): Promise<void> =>
    tellLockOf(session, { state, datastore, data });
  return stageContext({
    ...{ parts, run, control, connections, lease, stage, tellLock },
    ...{ announce: tell, mayRecord: true },
  });
}

/**
 * What is left out is approved before a stage, and from then on nothing more is left out: that is closed in one write with what
 * people ask, so that whatever was left out before it is among what is approved.
 */
async function missingForGood<C>(
  session: RunSession<C>,
  stage: Stage<C, JsonObject>,
  fresh: StageRecord,
): Promise<WaitRequest | undefined> {
  const wanted = await missingApproval(session, stage, await contextOf(session, fresh));
  const { run, control, migration } = session;
  if (run.track !== "forward" || migration.leaveOut?.before !== stage.name) return wanted;
  if (wanted !== undefined) return (await closeLeaveOut(session, false), wanted);
  await closeLeaveOut(session, true);
  if ((session.control.leftOut ?? []).length === (control.leftOut ?? []).length) return undefined;
  const late = await missingApproval(session, stage, await contextOf(session, fresh));
  if (late !== undefined) await closeLeaveOut(session, false);
  return late;
}

async function closeLeaveOut<C>(session: RunSession<C>, leftOutClosed: boolean): Promise<void> {
  const { parts, run, control } = session;
  if ((control.leftOutClosed ?? false) === leftOutClosed) return;
  session.control = await parts.store.updateControl(run.runId, (now) => ({ ...now, leftOutClosed }));
}

async function missingApproval<C>(
  session: RunSession<C>,
  stage: Stage<C, JsonObject>,
  context: StageContext<C, JsonObject>,
): Promise<WaitRequest | undefined> {
  const { stopBefore } = session.control;
  const own = session.run.track === "forward" ? shownBefore(stage, stopBefore) : undefined;
  if (own !== undefined && !context.approved(stage.name, own)) return askFor(stage.name, own);
  for (const rule of stage.approvals ?? []) {
    // Whoever asked to stop before this stage wants to look at that moment, and is asked at the stage itself.
    if (rule.subject === stopBefore) continue;
    const shown = await rule.needed(context);
    if (shown !== undefined && !context.approved(rule.subject, shown)) return askFor(rule.subject, shown);
  }
  return undefined;
}

/** What a stage itself has to be approved for, whatever it finds; undefined where it needs nobody's yes. */
export function shownBefore<C>(
  { name, title, pointOfNoReturn, irreversible }: Stage<C, JsonObject>,
  stopBefore?: string,
): Shown | undefined {
  if (irreversible === true) return shownAlways(name, `${name} cannot be undone by anything: ${title}`);
  if (stopBefore === name) return shownAlways(name, `asked to stop before ${name}`);
  if (pointOfNoReturn !== true) return undefined;
  return shownAlways(name, `${name} is the point of no return: ${title}`);
}

async function settle<C>(
  session: RunSession<C>,
  stage: Stage<C, JsonObject>,
  record: StageRecord,
  outcome: StageOutcome,
): Promise<Step> {
  if ("wait" in outcome) return waitInTime(session, stage, record, outcome.wait);
  return finishStage(session, record);
}

async function waitInTime<C>(
  session: RunSession<C>,
  stage: Stage<C, JsonObject>,
  record: StageRecord,
  request: WaitRequest,
): Promise<Step> {
  refuseOverdue(stage, session.run, { record, wait: request, now: session.parts.clock.now() });
  await wait(session, request);
  return "stop";
}

async function finishStage<C>(session: RunSession<C>, record: StageRecord): Promise<Step> {
  const finishedAt = session.parts.clock.now();
  await session.parts.store.saveStage({ ...record, state: "done", finishedAt }, session.lease.current);
  return "on";
}

async function wait<C>(session: RunSession<C>, request: WaitRequest): Promise<void> {
  const { reason, message, subject, seen, retryAfterMs } = request;
  const timed = retryAfterMs > 0;
  const wakeAt = timed ? session.parts.clock.now() + retryAfterMs : undefined;
  const waiting = { reason, message, ...(subject === undefined ? {} : { subject }), ...seen };
  await session.save((from, now) =>
    toWaiting(
      { ...from, run: withHeldSince({ ...from.run, attempt: 0 }, request, now) },
      waiting,
      wakeAt,
      now,
    ),
  );
  if (timed) await sendAdvance(session.parts, session.run, retryAfterMs);
}

/** What a sweep's record keeps as its cursor. */
interface SweepCursor {
  at?: Json;
  barrier: boolean;
}

async function sweepStep<C>(
  session: RunSession<C>,
  sweep: Sweep<C, JsonObject>,
  started: StageRecord,
  context: StageContext<C, JsonObject>,
): Promise<Step> {
  const { store } = session.parts;
  const record = { ...started, ...(await store.getStage(started)), notes: started.notes };
  const cursor = record.cursor as unknown as SweepCursor | undefined;
  if (record.openBatches > 0 && (record.planned || cursor?.barrier === true))
    return awaitBatches(session, record);
  if (record.planned) return finishStage(session, record);
  const plan = await sweep.plan(context, cursor?.at);
  if ("wait" in plan) return waitInTime(session, sweep, record, plan.wait);
  const next: SweepCursor = {
    barrier: plan.barrier === true,
    ...(plan.cursor === undefined ? {} : { at: plan.cursor }),
  };
  const step = { batches: plan.batches, cursor: next as unknown as Json, planned: plan.done === true };
  const { opened } = await store.openBatches(record, step, session.lease.current);
  await sendBatches(session.parts, opened);
  await getOn(session);
  return "on";
}

/** Planning has gone on: tries that failed before do not count any more, nor does what has held it up. */
async function getOn<C>(session: RunSession<C>): Promise<void> {
  if (session.run.attempt > 0)
    await session.save((from, now) => toRunning({ ...from, run: { ...from.run, attempt: 0 } }, now));
  else if (session.run.heldSince !== undefined)
    await session.save((from) => ({ ...from, run: withoutHeldSince(from.run) }));
}

/** Leaves the run to the workers of its batches, unless one of these has failed for good. */
async function awaitBatches<C>(session: RunSession<C>, record: StageRecord): Promise<Step> {
  const stuck = await stuckBatch(session.parts, record);
  if (stuck?.failure !== undefined) {
    const failure: Failure = stuck.failure;
    const { stage, track, batch } = stuck;
    const data = { stage, track, batch, ...failure };
    return failRun(session, failure, (from, now) => announce(from, "batch.failed", data, now));
  }
  await session.save(toRunning);
  return "stop";
}
