import type { Command } from "../../events/commands.ts";
import type { CommandRefusal } from "../../events/domain.ts";
import { MigratorError } from "../../shared/errors.ts";

/** What is wrong with a command itself. Anything else is a fault of ours or of AWS, which trying again may cure. */
const REFUSED: ReadonlySet<string> = new Set([
  "ABORT_TOO_LATE",
  "APPROVAL_STALE",
  "APPROVAL_UNSEEN",
  "COMMAND_EXPIRED",
  "MANIFEST_SOURCE_REFUSED",
  "MIGRATION_UNKNOWN",
  "NOTHING_TO_APPROVE",
  "NOTHING_TO_RESOLVE",
  "NOTHING_TO_UNDO",
  "OPTIONS_INVALID",
  "RESOLUTIONS_TOO_MANY",
  "ROLLBACK_TOO_LATE",
  "RUN_ENDED",
  "RUN_EXISTS",
  "RUN_NOT_FOUND",
  "RUN_MIGRATION_UNKNOWN",
  "RUN_STAGE_UNKNOWN",
  "SKIP_IMPOSSIBLE",
  "SKIP_TOO_LATE",
  "SKIP_UNKNOWN",
  "STAGE_UNKNOWN",
  "SUBJECT_UNKNOWN",
  "UNDO_ENDED",
  "UNDO_TOO_LATE",
]);

/** A command may overtake the one that starts its run: so often it is tried again before the run is taken for missing. */
const RECEIVES_UNTIL_MISSING = 3;

/** Why a command is refused for good; undefined for errors that are no refusal. */
export function refusalOf(
  error: unknown,
  command: Command,
  { messageId, receives }: { messageId: string; receives: number },
): CommandRefusal | undefined {
  if (!(error instanceof MigratorError) || !REFUSED.has(error.code)) return undefined;
  if (error.code === "RUN_NOT_FOUND" && receives < RECEIVES_UNTIL_MISSING) return undefined;
  const { code, message, next } = error;
  return { command: command.type, ...subjectOf(command), messageId, code, message, next };
}

function subjectOf({ data }: Command): { runId?: string; cluster?: string } {
  const { runId } = data;
  const cluster = "cluster" in data ? data.cluster : undefined;
  return { ...(runId === undefined ? {} : { runId }), ...(cluster === undefined ? {} : { cluster }) };
}
