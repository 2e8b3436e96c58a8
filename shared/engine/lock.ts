import type { JsonObject } from "../json.ts";
import type { DatastoreLock, Failure, LockState, RunRecord } from "./records.ts";
import { announce, type Transition, withCondition } from "./transitions.ts";

/** What becomes of a run whose lock lasts too long, or that fails inside the lock. */
export interface LockPolicy {
  /** How long the datastore may be locked. Milliseconds. */
  maxLockMs: number;
  /** When it is locked for longer: undo the run as long as it is before the unlock, or warn, again and again. */
  onBudget: "rollback" | "warn";
  /** When the run fails inside the lock before the unlock: undo it, or hold it as it is until a person comes. */
  onFailure: "rollback" | "hold";
}

/** What counts where nobody has said otherwise. */
export const DEFAULT_LOCK_POLICY: LockPolicy = {
  maxLockMs: 600_000,
  onBudget: "warn",
  onFailure: "rollback",
};

/** The condition that tells whether the datastore that pods need is locked by the run. */
export const DATASTORE_LOCKED = "DatastoreLocked";

/** Warnings come after half of the time again that the lock has lasted, within these bounds. Milliseconds. */
const WARN_AGAIN_MS = { least: 60_000, most: 3_600_000 };

const STATUS = { locking: "Unknown", locked: "True", unlocking: "Unknown", unlocked: "False" } as const;
const REASON = {
  locking: "Locking",
  locked: "Locked",
  unlocking: "Unlocking",
  unlocked: "Unlocked",
} as const;

/** The lock of a run while the datastore is locked, or may be. */
export function openLock({ lock }: Pick<RunRecord, "lock">): DatastoreLock | undefined {
  return lock === undefined || lock.state === "unlocked" ? undefined : lock;
}

/** True while a run can give its lock back by being undone, because nobody can have used what it unlocks yet. */
export function isBeforeUnlock(run: Pick<RunRecord, "lock" | "track">): boolean {
  const lock = openLock(run);
  return run.track === "forward" && lock !== undefined && lock.state !== "unlocking";
}

/** How it stands with the lock, as told by a stage; nothing changes where that was told before. */
export function toLock(
  from: Transition,
  told: { state: LockState; datastore: string; data: JsonObject; policy: LockPolicy },
  now: number,
): Transition {
  const { state, datastore, data } = told;
  const before = openLock(from.run);
  if (isTold(before, state)) return from;
  const opened = before ?? newLock(now, told.policy);
  const isNews = state === "locked" && !opened.told;
  const lock = {
    ...opened,
    ...{ datastore, state, told: opened.told || isNews },
    ...(state === "unlocked" ? { until: now } : {}),
  };
  const next = { ...from, run: withLock(from.run, lock, now) };
  if (isNews) return announce(next, "datastore.locked", data, now);
  return state === "unlocked" && lock.told ? announce(next, "datastore.unlocked", data, now) : next;
}

function newLock(now: number, { maxLockMs }: LockPolicy): Omit<DatastoreLock, "datastore" | "state"> {
  return { since: now, told: false, forPersonMs: 0, lookAt: now + maxLockMs };
}

/**
 * True when this needs no telling: it was told before, the lock about to be taken was seen as taken, or nothing is
 * locked that could be unlocked.
 */
function isTold(before: DatastoreLock | undefined, state: LockState): boolean {
  if (before === undefined) return state === "unlocking" || state === "unlocked";
  return before.state === state || (before.state === "locked" && state === "locking");
}

function withLock(run: RunRecord, lock: DatastoreLock, now: number): RunRecord {
  const { state } = lock;
  const condition = {
    type: DATASTORE_LOCKED,
    status: STATUS[state],
    reason: REASON[state],
    message: lockMessage(lock),
  };
  return withCondition({ ...run, lock }, condition, now);
}

function lockMessage({ datastore, state, since, until }: DatastoreLock): string {
  const from = new Date(since).toISOString();
  switch (state) {
    case "locked":
      return `locked since ${from}: ${datastore}; new pods get no network until the run goes on or back`;
    case "unlocked":
      return `locked from ${from} to ${new Date(until ?? since).toISOString()}: ${datastore}`;
    case "locking":
    case "unlocking":
      return `perhaps locked since ${from}: ${datastore}; what was written was not read back yet`;
  }
}

/** The lock has lasted longer than it may. Says so, and when to say it again. */
export function toOverdue(from: Transition, { maxLockMs }: LockPolicy, now: number): Transition {
  const lock = openLock(from.run);
  if (lock === undefined) return from;
  const { datastore, since } = lock;
  const lockedMs = now - since;
  const again = Math.min(WARN_AGAIN_MS.most, Math.max(WARN_AGAIN_MS.least, lockedMs / 2));
  const run = { ...from.run, lock: { ...lock, lookAt: now + again } };
  const waiting = from.run.failure ?? from.run.waiting;
  const data = { datastore, since: new Date(since).toISOString(), lockedMs, maxLockMs };
  const why = waiting === undefined ? {} : { message: waiting.message };
  return announce({ ...from, run }, "datastore.lock-overdue", { ...data, ...why }, now);
}

/** Why a run goes back whose lock has lasted too long. */
export function overdueFailure({ datastore, since }: DatastoreLock, now: number, maxLockMs: number): Failure {
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
  return {
    code: "LOCK_BUDGET_EXCEEDED",
    message: `${datastore} was locked for ${seconds(now - since)}, longer than the ${seconds(maxLockMs)} of --max-lock`,
    next: "See with `describe` what the run waited for inside the lock, then start again; --max-lock allows for more time.",
  };
}

/** Counts how long a run waits for a person while the datastore is locked. `run` is about to be saved. */
export function withPersonTime(run: RunRecord, now: number): RunRecord {
  const { lock } = run;
  if (lock === undefined) return run;
  const waits = openLock(run) !== undefined && isForPerson(run);
  if (waits === (lock.forPersonSince !== undefined)) return run;
  if (waits) return { ...run, lock: { ...lock, forPersonSince: now } };
  const { forPersonSince = now, ...rest } = lock;
  return { ...run, lock: { ...rest, forPersonMs: lock.forPersonMs + (now - forPersonSince) } };
}

function isForPerson({ state, waiting }: RunRecord): boolean {
  if (state === "Failed") return true;
  const reason = state === "Waiting" ? waiting?.reason : undefined;
  return reason === "Approval" || reason === "Conflict" || reason === "Paused";
}

/** While the datastore is locked, a run is looked at no later than when the lock has to be thought about. */
export function withLockWake(run: RunRecord): RunRecord {
  const lookAt = openLock(run)?.lookAt;
  if (lookAt === undefined || run.finishedAt !== undefined) return run;
  return { ...run, nextWakeAt: Math.min(run.nextWakeAt ?? lookAt, lookAt) };
}
