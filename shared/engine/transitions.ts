import type { JsonObject } from "../json.ts";
import type { Condition, DomainEvent, Failure, RunRecord, UndoCause, Waiting } from "./records.ts";

/** A run after a change, with the events that tell of it. */
export interface Transition {
  run: RunRecord;
  events: DomainEvent[];
}

/** How long a run at work is left alone before the wake-up looks at it, in case its messages were lost. Milliseconds. */
export const WAKE_AFTER_MS = 30_000;

/** Appends an event to a transition. */
export function announce(from: Transition, type: string, data: JsonObject, now: number): Transition {
  const sequence = from.run.eventSequence + 1;
  const event: DomainEvent = { runId: from.run.runId, sequence, type, time: now, data };
  return { run: { ...from.run, eventSequence: sequence }, events: [...from.events, event] };
}

/** The run goes on: what held it back is gone. */
export function toRunning(from: Transition, now: number): Transition {
  const state = from.run.track === "forward" ? "Running" : "RollingBack";
  const { waiting, failure, nextWakeAt, heldSince, ...rest } = from.run;
  const progressing = { type: "Progressing", status: "True", reason: state, message: "" } as const;
  const wakeful = { ...rest, state, nextWakeAt: now + WAKE_AFTER_MS } as const;
  const run = withoutConditions(
    withCondition(wakeful, progressing, now),
    ["Degraded", "Complete"],
    state,
    now,
  );
  if (from.run.state === state) return { ...from, run };
  if (from.run.state !== "Pending") return announce({ ...from, run }, "run.continued", { state }, now);
  const { migration, cluster } = run;
  return announce({ ...from, run }, "run.started", { migration, cluster }, now);
}

/** The run waits. The event is sent once for the same reason and message, and for what is shown. */
export function toWaiting(
  from: Transition,
  waiting: Waiting,
  wakeAt: number | undefined,
  now: number,
): Transition {
  const same =
    from.run.state === "Waiting" &&
    from.run.waiting?.reason === waiting.reason &&
    from.run.waiting.message === waiting.message &&
    from.run.waiting.fingerprint === waiting.fingerprint;
  const { nextWakeAt, failure, ...rest } = from.run;
  const again = wakeAt === undefined ? undefined : { nextWakeAt: wakeAt };
  const waited: RunRecord = {
    ...rest,
    state: "Waiting",
    waiting: wakeAt === undefined ? waiting : { ...waiting, retryAt: wakeAt },
    ...again,
  };
  const condition = {
    type: "Progressing",
    status: "False",
    reason: waiting.reason,
    message: waiting.message,
  } as const;
  const next = { ...from, run: withCondition(waited, condition, now) };
  const data = { ...waiting, stage: from.run.stage };
  return same ? next : announce(next, "run.waiting", data, now);
}

/** The run stops until a person resumes or undoes it. */
export function toFailed(from: Transition, failure: Failure, now: number): Transition {
  const { nextWakeAt, waiting, heldSince, ...rest } = from.run;
  const { code: reason, message } = failure;
  const degraded = { type: "Degraded", status: "True", reason, message } as const;
  const failed = withCondition({ ...rest, state: "Failed", failure }, degraded, now);
  const run = withoutConditions(failed, ["Progressing"], "Failed", now);
  return announce({ ...from, run }, "run.failed", { ...failure, stage: from.run.stage }, now);
}

/** The run has ended. */
export function toEnd(
  from: Transition,
  state: "Succeeded" | "RolledBack" | "Aborted" | "Abandoned",
  now: number,
): Transition {
  const { nextWakeAt, waiting, failure, stage, heldSince, ...rest } = from.run;
  const complete = { type: "Complete", status: "True", reason: state, message: "" } as const;
  const ended = withCondition({ ...rest, state, holdsCluster: false, finishedAt: now }, complete, now);
  const run = withoutConditions(ended, ["Progressing", "Degraded"], state, now);
  return announce({ ...from, run }, "run.ended", { state }, now);
}

/** The condition that tells why a run goes back, or went back, by itself. */
const WENT_BACK = "WentBack";

/** The run goes back by itself, if there is a cause. */
export function toWentBack(from: Transition, cause: UndoCause | undefined, now: number): Transition {
  if (cause === undefined) return from;
  const { code, message } = cause.failure;
  const condition = { type: WENT_BACK, status: "True", reason: cause.reason } as const;
  return { ...from, run: withCondition(from.run, { ...condition, message: `${message} (${code})` }, now) };
}

/**
 * The condition that tells whether a run is shown to others as it is. A run that was never shown wrongly does not
 * have it.
 */
export const SHOWN = "Shown";

/** The run is shown as it is, or something is in the way of it. */
export function toShown(from: Transition, failure: Failure | undefined, now: number): Transition {
  const shown = { type: SHOWN, status: "True", reason: SHOWN, message: "" } as const;
  if (failure === undefined) return { ...from, run: withCondition(from.run, shown, now) };
  const { code: reason, message } = failure;
  return { ...from, run: withCondition(from.run, { type: SHOWN, status: "False", reason, message }, now) };
}

/** The run enters a stage, with no failed try yet. */
export function toStage(from: Transition, stage: string): Transition {
  const { heldSince, ...rest } = from.run;
  return { ...from, run: { ...rest, stage, attempt: 0 } };
}

/** Turns those of these conditions that the run has to False. */
function withoutConditions(run: RunRecord, types: readonly string[], reason: string, now: number): RunRecord {
  return run.conditions
    .filter(({ type, status }) => types.includes(type) && status !== "False")
    .reduce((r, { type }) => withCondition(r, { type, status: "False", reason, message: "" }, now), run);
}

/** Replaces the condition of the same type; the transition time moves only when the status changes. */
export function withCondition(
  run: RunRecord,
  condition: Omit<Condition, "lastTransitionTime">,
  now: number,
): RunRecord {
  const before = run.conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime =
    before?.status === condition.status ? before.lastTransitionTime : new Date(now).toISOString();
  const others = run.conditions.filter(({ type }) => type !== condition.type);
  return { ...run, conditions: [...others, { ...condition, lastTransitionTime }] };
}
