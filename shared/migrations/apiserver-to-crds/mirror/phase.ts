import type { RunRecord } from "../../../engine/records.ts";
import { phaseOf, type Phase } from "../phase.ts";

/** What phaseOf needs of a run. */
type Run = Pick<RunRecord, "state" | "track" | "stage" | "waiting">;

/**
 * The stages in which nothing is shown: what preflight finds may stop the run before it touches the cluster, and the CRD of
 * DatastoreMigration may be among those that are installed.
 */
const BEFORE: ReadonlySet<string | undefined> = new Set([undefined, "preflight", "install-crds"]);

/**
 * The phase that a run is shown in; undefined while it is not shown at all.
 *
 * A run that failed keeps the phase it was in, as a migration of upstream's does after an error that may go away: it can be
 * resumed, and the operator leaves the APIService alone in `Migrating` and in no other phase
 * (tigera/operator, pkg/controller/apiserver). `Converged` is what the operator takes as its word to switch: it comes only
 * after `switch-operator` has recorded what the operator was told before, or the way back could not put that back.
 *
 * On the way back nothing is shown, as a migration of upstream's is taken back by deleting it: in `Converged` an operator
 * that restarts would switch again, and in `Migrating` it would not bring its API server back, which the way back waits for.
 */
export function shownPhase(run: Run): Phase | undefined {
  if (run.state === "Succeeded") return "Complete";
  if (isTakenBack(run) || BEFORE.has(run.stage)) return undefined;
  if (run.stage === "switch-operator") return "Migrating";
  return phaseOf(run.state === "Failed" ? { ...run, state: "Running" } : run);
}

/** True for a run that is being undone or was. */
export function isTakenBack({ state, track }: Pick<Run, "state" | "track">): boolean {
  return track === "rollback" || state === "Aborted" || state === "RolledBack";
}
