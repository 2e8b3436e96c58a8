import type { JsonObject } from "../json.ts";
import { isBeforeUnlock, openLock, overdueFailure, toLock, toOverdue } from "./lock.ts";
import type { Failure, LockState, UndoCause } from "./records.ts";
import { isEnd } from "./records.ts";
import type { RunSession, Step } from "./session.ts";
import { toFailed, type Transition } from "./transitions.ts";

/** With another version's stages a run can go neither on nor back: it is held. */
const HELD: ReadonlySet<string> = new Set(["RUN_STAGE_UNKNOWN"]);

/** Saves how it stands with the lock, with the event that tells of it, in one transaction. */
export async function tellLockOf<C>(
  session: RunSession<C>,
  told: { state: LockState; datastore: string; data: JsonObject },
): Promise<void> {
  const { lockPolicy: policy, run } = session;
  const changed = toLock({ run, events: [] }, { ...told, policy }, session.parts.clock.now());
  if (changed.run === run) return;
  await session.save((from, now) => toLock(from, { ...told, policy }, now));
}

/**
 * Warns of a lock that lasts longer than it may, or has the run undone, as long as nobody can have used what the
 * unlock opens. A failure that somebody else has recorded, such as work that was given up, has the run undone in the
 * same way.
 */
export async function heedLock<C>(session: RunSession<C>): Promise<void> {
  const { run, control } = session;
  const isNew = run.state === "Failed" && control.retries <= run.retriesSeen && control.undo === undefined;
  if (isNew && run.failure !== undefined && goesBack(session, run.failure))
    await askBack(session, { reason: "LockFailure", failure: run.failure });
  else await heedLockBudget(session);
}

async function heedLockBudget<C>(session: RunSession<C>): Promise<void> {
  const { run, control, lockPolicy: policy } = session;
  const lock = openLock(run);
  const now = session.parts.clock.now();
  if (lock === undefined || now < lock.lookAt || isEnd(run.state)) return;
  if (policy.onBudget === "rollback" && isBeforeUnlock(run) && control.undo === undefined) {
    const failure = overdueFailure(lock, now, policy.maxLockMs);
    await askBack(session, { reason: "LockBudget", failure });
    return;
  }
  await session.save((from, at) => toOverdue(from, policy, at));
}

/**
 * The run cannot go on without a person. Inside the lock and before the unlock it is undone, if so wished: pods wait for it.
 * `tell` adds what else is to be saved of it.
 */
export async function failRun<C>(
  session: RunSession<C>,
  failure: Failure,
  tell: (from: Transition, now: number) => Transition,
): Promise<Step> {
  if (!goesBack(session, failure)) {
    await session.save((from, now) => toFailed(tell(from, now), failure, now));
    return "stop";
  }
  // The request to undo comes first: a worker that dies in between fails at the same place again, or finds the
  // request.
  await askBack(session, { reason: "LockFailure", failure });
  await session.save(tell);
  return "on";
}

function goesBack<C>({ lockPolicy, run }: RunSession<C>, { code }: Failure): boolean {
  return lockPolicy.onFailure === "rollback" && isBeforeUnlock(run) && !HELD.has(code);
}

/** Asks for the run to be undone, as a person would, unless somebody has done so already. */
async function askBack<C>(session: RunSession<C>, undoCause: UndoCause): Promise<void> {
  session.control = await session.parts.store.updateControl(session.run.runId, (control) =>
    control.undo === undefined
      ? { ...control, pause: false, undo: "rollback", undoCause, retries: control.retries + 1 }
      : control,
  );
}
