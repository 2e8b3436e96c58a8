import type { RunControl, RunRecord } from "../../shared/engine/records.ts";
import { isBeforeUnlock, type LockPolicy } from "../../shared/engine/lock.ts";
import { isSettled } from "../../shared/engine/settled.ts";

/**
 * True when a run goes on only if a person acts here. Less than settled is what also ends by itself: an approval that
 * something in the cluster can stand in for, and a pause that is asked for and not yet honoured.
 */
export function needsPerson(run: RunRecord, control: RunControl): boolean {
  if (!isSettled(run, control)) return false;
  if (run.state !== "Waiting") return true;
  return !isTimed(run) && (!control.pause || run.waiting?.reason === "Paused");
}

/**
 * True when a run waits for a person to decide about conflicts, which it looks at now and then as well: somebody may settle
 * them in the cluster.
 */
export function waitsForDecision(run: RunRecord, control: RunControl): boolean {
  return run.waiting?.reason === "Conflict" && !control.pause && isSettled(run, control);
}

/** Also of runs that versions have saved which knew of no locks, and did not say in `waiting` when they look again. */
function isTimed({ waiting, lock, nextWakeAt }: RunRecord): boolean {
  return waiting?.retryAt !== undefined || (lock === undefined && nextWakeAt !== undefined);
}

/**
 * True when a run that waits for a person inside the lock is undone by itself once that has lasted too long: as long as
 * somebody works on it.
 */
export function goesBackByItself(run: RunRecord, control: RunControl, policy: LockPolicy): boolean {
  return policy.onBudget === "rollback" && isBeforeUnlock(run) && control.undo === undefined;
}
