import type { RunControl, RunRecord, WaitingReason } from "./records.ts";
import { isEnd } from "./records.ts";

/** What only a person can end. */
const FOR_A_PERSON: ReadonlySet<WaitingReason> = new Set(["Approval", "Conflict", "Paused"]);

/**
 * True when a run goes no further by itself: it has ended, failed, or waits for a person, and everything that people
 * have asked of it is honoured.
 */
export function isSettled(run: RunRecord, control: RunControl): boolean {
  if (control.undo !== undefined && run.track === "forward") return false;
  if (isEnd(run.state)) return true;
  if (control.retries > run.retriesSeen) return false;
  if (run.state === "Failed") return true;
  if (run.state !== "Waiting" || run.waiting === undefined) return false;
  if (run.waiting.reason === "Paused") return control.pause;
  const { subject } = run.waiting;
  const approved = control.approvals.some((approval) => approval.subject === subject);
  return FOR_A_PERSON.has(run.waiting.reason) && !approved;
}
