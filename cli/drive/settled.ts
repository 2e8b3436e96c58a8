import type { RunControl, RunRecord } from "../../shared/engine/records.ts";
import { isSettled } from "../../shared/engine/settled.ts";

/**
 * True when a run goes on only if a person acts here. Less than settled is what also ends by itself: an approval that
 * something in the cluster can stand in for, and a pause that is asked for and not yet honoured.
 */
export function needsPerson(run: RunRecord, control: RunControl): boolean {
  if (!isSettled(run, control)) return false;
  if (run.state !== "Waiting") return true;
  return run.nextWakeAt === undefined && (!control.pause || run.waiting?.reason === "Paused");
}
