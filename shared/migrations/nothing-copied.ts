import { isEnd, type RunRecord } from "../engine/records.ts";
import { MigratorError } from "../errors.ts";

/** For a comparison of both sides of a run that has nothing on one of them. */
export function nothingCopied({ runId, state }: Pick<RunRecord, "runId" | "state">): MigratorError {
  const next = isEnd(state)
    ? "Nothing of it is there to compare: do that while a run goes on, or after it has succeeded."
    : "Let it go on with `calico-migrator resume`, then compare.";
  return new MigratorError("NOTHING_COPIED", `run "${runId}" has copied nothing, or has undone it`, { next });
}
