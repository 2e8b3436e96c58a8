import { MigratorError } from "../errors.ts";
import { type Migration, undoStages } from "./migration.ts";
import type { RunRecord, StageRecord } from "./records.ts";

type Run = Pick<RunRecord, "runId" | "migration" | "track" | "stage" | "stages">;

/**
 * A version of the program may know other stages than the one that started a run. Throws RUN_STAGE_UNKNOWN for a stage that has started
 * and is not known: nobody could go on with it, or undo it. Throws RUN_STAGES_CHANGED where going on would pass over a stage
 * without a word: one that was put in before the present one, or one that the run was to go through and that is gone.
 */
export function checkStages<C>(migration: Migration<C>, run: Run, records: readonly StageRecord[]): void {
  const forward = migration.stages.map(({ name }) => name);
  checkStarted(migration, run, records);
  if (run.track === "forward") {
    requireReached(run, forward, records);
    requirePlanned(run, forward);
    return;
  }
  const back = undoStages(migration, new Set(startedOn("forward", records))).map(({ name }) => name);
  requireKnown(run, startedOn("rollback", records), back);
  const asked = new Set(migration.beforeUndo?.map(({ name }) => name));
  requireReached(run, back, records, asked);
}

/** The error for a run whose present stage this version does not know. */
export function stageUnknown(run: Run, stage: string): MigratorError {
  const message = `run "${run.runId}" is in stage "${stage}", which ${run.migration} does not have in this version`;
  return new MigratorError("RUN_STAGE_UNKNOWN", message, otherVersion(run));
}

/** The error for a run whose migration this version does not have. */
export function migrationUnknown(run: Run): MigratorError {
  const message = `run "${run.runId}" is one of the migration "${run.migration}", which is not in this version`;
  return new MigratorError("RUN_MIGRATION_UNKNOWN", message, otherVersion(run));
}

/** Throws RUN_STAGE_UNKNOWN for a stage that has started and is not known: it could not be undone. */
export function checkStarted<C>(
  migration: Pick<Migration<C>, "stages">,
  run: Run,
  records: readonly StageRecord[],
): void {
  const unknown = startedUnknown(migration, records);
  if (unknown !== undefined) throw startedButUnknown(run, unknown);
}

/** A stage that has started and is not known; undefined where all are. */
export function startedUnknown<C>(
  { stages }: Pick<Migration<C>, "stages">,
  records: readonly StageRecord[],
): string | undefined {
  return startedOn("forward", records).find((stage) => !stages.some(({ name }) => name === stage));
}

function startedOn(wanted: StageRecord["track"], records: readonly StageRecord[]): string[] {
  return records.filter(({ track }) => track === wanted).map(({ stage }) => stage);
}

function requireKnown(run: Run, started: readonly string[], known: readonly string[]): void {
  const unknown = started.find((stage) => !known.includes(stage));
  if (unknown !== undefined) throw startedButUnknown(run, unknown);
}

function startedButUnknown(run: Run, unknown: string): MigratorError {
  const message = `run "${run.runId}" has started the stage "${unknown}", which ${run.migration} does not have in this version`;
  return new MigratorError("RUN_STAGE_UNKNOWN", message, otherVersion(run));
}

/** Every stage before the present one is done, but for those that may be passed over. */
function requireReached(
  run: Run,
  stages: readonly string[],
  records: readonly StageRecord[],
  passable: ReadonlySet<string> = new Set(),
): void {
  const at = run.stage === undefined ? -1 : stages.indexOf(run.stage);
  const done = new Set(
    records.filter(({ track, state }) => track === run.track && state === "done").map(({ stage }) => stage),
  );
  const skipped = stages
    .slice(0, Math.max(at, 0))
    .filter((stage) => !done.has(stage) && !passable.has(stage));
  if (skipped.length > 0) throw changed(run, `would pass over ${skipped.join(", ")}, which come before it`);
}

/** Of what the run was to go through nothing is gone, and nothing has another place. */
function requirePlanned(run: Run, stages: readonly string[]): void {
  const { stages: planned = [] } = run;
  const gone = planned.filter((stage) => !stages.includes(stage));
  if (gone.length > 0) throw changed(run, `was to go through ${gone.join(", ")}, which this version has not`);
  const order = stages.filter((stage) => planned.includes(stage));
  const moved = planned.find((stage, index) => stage !== order[index]);
  if (moved !== undefined) throw changed(run, `was to go through ${moved} in another order`);
}

function changed(run: Run, why: string): MigratorError {
  const message = `run "${run.runId}" is in "${run.stage ?? "no stage"}" and ${why}: ${run.migration} has other stages in this version`;
  return new MigratorError("RUN_STAGES_CHANGED", message, otherVersion(run));
}

function otherVersion({ runId }: Run): { next: string } {
  return {
    next: `Go on with the version of calico-migrator that started the run: \`resume ${runId}\` or \`rollback ${runId}\` there. If nobody has it, \`calico-migrator abandon ${runId}\` gives the run up.`,
  };
}
