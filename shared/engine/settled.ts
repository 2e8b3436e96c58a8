import { isApproved } from "./approvals.ts";
import type { RunControl, RunRecord, WaitingReason } from "./records.ts";
import { isEnd } from "./records.ts";

/** What only a person can end. */
const FOR_A_PERSON: ReadonlySet<WaitingReason> = new Set(["Approval", "Conflict"]);

/**
 * True when a run goes no further by itself: it has ended, failed, or waits for a person, and everything that people
 * have asked of it is honoured.
 */
export function isSettled(run: RunRecord, control: RunControl): boolean {
  if (control.abandon !== undefined && !isEnd(run.state)) return false;
  if (run.state === "Failed") return control.retries <= run.retriesSeen;
  if (control.undo !== undefined && run.track === "forward") return false;
  if (isEnd(run.state)) return true;
  // A resume that was followed by a pause is honoured after the next resume.
  if (control.pause && run.waiting?.reason === "Paused") return true;
  if (control.retries > run.retriesSeen) return false;
  if (run.state !== "Waiting" || run.waiting === undefined) return false;
  const { reason, subject, fingerprint } = run.waiting;
  return FOR_A_PERSON.has(reason) && !isApproved(control.approvals, subject, fingerprint);
}
