import type { JsonObject } from "../json.ts";
import type { Migration } from "./migration.ts";
import type { RunControl, StageRecord } from "./records.ts";
import type { RunSession, Step } from "./session.ts";
import { checkStarted } from "./stage-list.ts";
import { cancelOpenBatches, sendAdvance } from "./stage-batches.ts";
import { announce, toRunning, toWaiting, toWentBack } from "./transitions.ts";

/**
 * Turns a run around. First every open batch of the present stage is closed, so that no worker goes on forward while
 * others undo; a worker that is in the middle of one finishes it (or its lease expires) before the run turns.
 */
export async function beginUndo<C>(session: RunSession<C>): Promise<Step> {
  const { run, parts, control } = session;
  const records = await parts.store.listStages(run.runId);
  checkStarted(session.migration, run, records);
  const late = whyTooLate(session.migration, records);
  if (late !== undefined) return refuse(session, late);
  const { runId, stage } = run;
  const quiet = stage === undefined || (await cancelOpenBatches(parts, { runId, track: "forward", stage }));
  if (!quiet) {
    const waiting = {
      reason: "Gate",
      message: "a worker is finishing its batch before the run is undone",
    } as const;
    const retryAt = parts.clock.now() + parts.busyDelayMs;
    await session.save((from, now) => toWaiting(from, waiting, retryAt, now));
    await sendAdvance(parts, { runId, track: "rollback" }, parts.busyDelayMs);
    return "stop";
  }
  const holdsCluster = await hasChangedCluster(session);
  await session.save(({ run: before, events }, now) => {
    const { stage, finishedAt, ...rest } = before;
    const turned = {
      ...rest,
      track: "rollback" as const,
      attempt: 0,
      holdsCluster,
      retriesSeen: control.retries,
    };
    const told = { undo: control.undo, ...causeOf(control) };
    const going = toRunning({ run: turned, events }, now);
    return announce(toWentBack(going, control.undoCause, now), "run.turned", told, now);
  });
  return "on";
}

/** Why a run goes back that nobody has asked to. */
function causeOf({ undoCause }: RunControl): JsonObject {
  return undoCause === undefined ? {} : { reason: undoCause.reason, ...undoCause.failure };
}

/** Why a run can no longer be undone; undefined as long as it can. */
export function whyTooLate<C>(
  migration: Pick<Migration<C>, "stages">,
  records: readonly StageRecord[],
): string | undefined {
  for (const stage of migration.stages) {
    const record = records.find((one) => one.track === "forward" && one.stage === stage.name);
    const why = record === undefined ? undefined : stage.beyondUndo?.(record.notes);
    if (why !== undefined) return why;
  }
  return undefined;
}

/**
 * The undo was asked for while it was possible, but the run came to it too late: it stays as it is, and goes on
 * forward.
 */
async function refuse<C>(session: RunSession<C>, reason: string): Promise<Step> {
  const { run, control, parts } = session;
  await parts.store.updateControl(run.runId, ({ undo: _, undoCause: __, ...rest }) => rest);
  // A request to undo counts as one to look again, but must not resume a run that has failed.
  const retriesSeen = control.retries;
  await session.save((from, now) =>
    announce(
      { ...from, run: { ...from.run, retriesSeen } },
      "undo.refused",
      { undo: control.undo, reason },
      now,
    ),
  );
  return "on";
}

async function hasChangedCluster<C>(session: RunSession<C>): Promise<boolean> {
  const records = await session.parts.store.listStages(session.run.runId);
  const changing = new Set(
    session.migration.stages.filter((s) => s.changesCluster === true).map((s) => s.name),
  );
  return records.some(({ track, stage }) => track === "forward" && changing.has(stage));
}
