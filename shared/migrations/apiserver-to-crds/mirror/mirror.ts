import { MigratorError } from "../../../errors.ts";
import { canonicalJson } from "../../../json.ts";
import type { Phase } from "../phase.ts";
import type { MirrorContext } from "./context.ts";
import { deleteMirror, mirrorRef, writeStatus } from "./object.ts";
import { isTakenBack, shownPhase } from "./phase.ts";
import { statusOf, withResults } from "./status.ts";

/** What this process has shown of a run. */
interface Shown {
  /** Empty once nothing is shown any more. */
  status: string;
  results: string | undefined;
}

/**
 * Shows runs that ask for it (`mirrorStatus`) as a DatastoreMigration whose status is what upstream's controller would write:
 * from the first change to the cluster until the run is undone, which deletes it, or for ever, where the run is complete.
 * What was shown already costs no request. One for all runs of a process; what it throws is for Migration.show.
 */
export function statusMirror(): (context: MirrorContext) => Promise<void> {
  const known = new Map<string, Shown>();
  return async (context) => {
    if (!context.options.mirrorStatus) return;
    const { run } = context;
    const phase = shownPhase(run);
    if (phase !== undefined) await show(context, phase, known);
    else if (isTakenBack(run)) await hide(context, known);
    if (run.finishedAt !== undefined) known.delete(run.runId);
  };
}

async function show(context: MirrorContext, phase: Phase, known: Map<string, Shown>): Promise<void> {
  const { runId } = context.run;
  const before = known.get(runId);
  const { status, results = before?.results } = await statusOf(context, phase);
  const text = canonicalJson(status);
  const hasNewResults = results !== before?.results;
  if (text === before?.status && !hasNewResults) return;
  const ref = await mirrorRef(context);
  if (ref === undefined) throw notServed();
  await writeStatus(context, ref, hasNewResults ? await withResults(context, status) : status);
  known.set(runId, { status: text, results });
}

/** Once: nothing is shown again on the way back. */
async function hide(context: MirrorContext, known: Map<string, Shown>): Promise<void> {
  const { runId } = context.run;
  if (known.get(runId)?.status === "") return;
  const ref = await mirrorRef(context);
  if (ref !== undefined) await deleteMirror(context, ref);
  known.set(runId, { status: "", results: undefined });
}

function notServed(): MigratorError {
  return new MigratorError("MIRROR_NOT_SERVED", "the cluster does not serve DatastoreMigration any more", {
    next: "Apply the CRD of DatastoreMigration again, or follow the run with `calico-migrator describe`.",
    retryable: true,
  });
}
