import { z } from "zod";
import type { RunRecord } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { objectAt } from "../../../kubernetes/fields.ts";
import type { Phase } from "../phase.ts";
import { conditionsOf } from "./conditions.ts";
import type { MirrorContext } from "./context.ts";
import { results, typesProgress } from "./progress.ts";
import { shortened, timeText } from "./texts.ts";

const LONGEST_MESSAGE = 1024;

const Opened = z.object({ precopy: z.boolean() });
const Locked = z.object({ lockedAt: z.number() });

/** The status of a run, and what tells whether the results in it are those that were shown last. */
interface Mirrored {
  /** As a merge patch: what is left out stays as it was shown. */
  status: JsonObject;
  /** How far the copying is; undefined where there are no results, or none that should be read now. */
  results: string | undefined;
}

/**
 * The status of a DatastoreMigration in this phase. Results kind by kind come of a walk over all checkpoints, which would
 * make the lock last longer: there are none while the datastore is locked.
 */
export async function statusOf(context: MirrorContext, phase: Phase): Promise<Mirrored> {
  const [copying, lock, unlock] = await Promise.all([
    context.stageOf(await copyingStage(context)),
    context.stageOf("lock"),
    context.stageOf("unlock"),
  ]);
  const progress = typesProgress(copying);
  const isLocked = lock !== undefined && unlock?.state !== "done";
  const locked = Locked.safeParse(lock?.notes);
  const status = {
    phase,
    message: shortened(messageOf(context.run), LONGEST_MESSAGE),
    conditions: await conditionsOf(context),
    progress,
    ...timeAt("startedAt", copying?.startedAt),
    ...timeAt("datastoreLockedAt", locked.success ? locked.data.lockedAt : undefined),
    ...(phase === "Complete" ? timeAt("completedAt", await completedAt(context)) : {}),
  };
  const hasResults = copying !== undefined && !isLocked;
  return { status, results: hasResults ? `${phase} ${progress.typeProgress}` : undefined };
}

/** The same with the results so far, kind by kind. */
export async function withResults(context: MirrorContext, status: JsonObject): Promise<JsonObject> {
  return { ...status, progress: { ...objectAt(status, "progress"), ...(await results(context)) } };
}

async function copyingStage(context: MirrorContext): Promise<string> {
  const opened = Opened.safeParse(await context.notesOf("open-second-version"));
  return opened.success && !opened.data.precopy ? "copy-locked" : "pre-copy";
}

/** When the last proof that the old group is not used any more was complete. */
async function completedAt(context: MirrorContext): Promise<number> {
  const { finishedAt, updatedAt } = context.run;
  return (await context.stageOf("verify-all"))?.finishedAt ?? finishedAt ?? updatedAt;
}

function timeAt(member: string, ms: number | undefined): JsonObject {
  return ms === undefined ? {} : { [member]: timeText(ms) };
}

function messageOf({ runId, state, stage, waiting, failure }: RunRecord): string {
  if (state === "Succeeded") return `run ${runId} of calico-migrator is complete`;
  const where = `run ${runId} of calico-migrator, stage ${stage ?? "-"}`;
  if (failure !== undefined) return `${where}: ${failure.code}: ${failure.message} ${failure.next}`;
  return waiting === undefined ? where : `${where}, waits (${waiting.reason}): ${waiting.message}`;
}
