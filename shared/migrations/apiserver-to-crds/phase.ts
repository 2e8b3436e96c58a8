import type { RunRecord } from "../../engine/records.ts";

/**
 * The phases of upstream's DatastoreMigration, and three that upstream has no word for: its `Failed` covers nothing but what
 * cannot be migrated at all, and a migration that is taken back is simply deleted.
 */
export type Phase =
  | "Pending"
  | "Migrating"
  | "WaitingForConflictResolution"
  | "Converged"
  | "Complete"
  | "Failed"
  | "Aborting"
  | "Aborted";

/** The stages before the first object is copied. */
const PENDING: ReadonlySet<string> = new Set([
  "preflight",
  "install-crds",
  "pause-gitops",
  "backup",
  "open-second-version",
  "backup-native",
  "try-copy",
]);

/** The stages from when all data are native and unlocked to the proof that nothing uses the old group any more. */
const CONVERGED: ReadonlySet<string> = new Set([
  "switch-operator",
  "rollout",
  "release-fields-last",
  "close-second-version",
  "install-admission",
  "remove-api-server",
  "verify-all",
]);

/** The stages after that proof: the old group is removed, as upstream does once a completed migration is deleted. */
const COMPLETE: ReadonlySet<string> = new Set([
  "cleanup",
  "resume-gitops",
  "release-others",
  "release-owned",
  "report",
]);

/**
 * The phase of a run of `apiserver-to-crds`, as upstream's users know it. `Converged` never comes before the unlock: the
 * operator takes it as its word to switch.
 */
export function phaseOf({
  state,
  track,
  stage,
  waiting,
}: Pick<RunRecord, "state" | "track" | "stage" | "waiting">): Phase {
  if (state === "Failed") return "Failed";
  if (state === "Succeeded") return "Complete";
  if (state === "Aborted" || state === "RolledBack") return "Aborted";
  if (track === "rollback") return "Aborting";
  if (waiting?.reason === "Conflict") return "WaitingForConflictResolution";
  if (stage === undefined || PENDING.has(stage)) return "Pending";
  if (CONVERGED.has(stage)) return "Converged";
  return COMPLETE.has(stage) ? "Complete" : "Migrating";
}
