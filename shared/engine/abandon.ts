import type { HeldLease } from "./held-lease.ts";
import { openLock } from "./lock.ts";
import { type Migration, undoStages } from "./migration.ts";
import { isEnd, type LeftBehind, type RunControl, type RunRecord, type StageRecord } from "./records.ts";
import { RunSession } from "./session.ts";
import type { EngineParts } from "./settings.ts";
import { cancelOpenBatches, sendAdvance } from "./stage-batches.ts";
import { startedUnknown } from "./stage-list.ts";
import { announce, toEnd } from "./transitions.ts";
import { whyTooLate } from "./undo.ts";

/**
 * Gives a run up as it stands: nothing is undone, the cluster is free for other runs, and what stays behind is named. Needs neither
 * the cluster nor a version that knows the run's stages. A worker that is in the middle of a batch finishes it first.
 */
export async function abandonRun<C>(
  parts: EngineParts<C>,
  lease: HeldLease,
  { run, control }: { run: RunRecord; control: RunControl },
): Promise<void> {
  const migration = parts.migrations.get(run.migration) ?? unknownMigration<C>(run.migration);
  const { runId, track, stage } = run;
  if (stage !== undefined && !(await cancelOpenBatches(parts, { runId, track, stage }))) {
    await sendAdvance(parts, run, parts.busyDelayMs);
    return;
  }
  const left = await leftBehind(parts, run);
  const session = new RunSession(parts, lease, { run, control, migration });
  await session.save((from, now) => {
    const { by } = control.abandon ?? { by: "" };
    const told = announce(from, "run.abandoned", { by, leftBehind: left.map((one) => ({ ...one })) }, now);
    return toEnd({ ...told, run: { ...told.run, leftBehind: left } }, "Abandoned", now);
  });
  await session.leave();
}

/**
 * What stays behind if the run is given up now, by what is recorded: what is locked, what somebody finds of it in the cluster, and
 * the steps of the way back that were not taken. What this version does not know is named by its stage.
 */
export async function leftBehind<C>(
  { store, migrations }: EngineParts<C>,
  run: RunRecord,
): Promise<LeftBehind[]> {
  const { runId } = run;
  const migration = migrations.get(run.migration) ?? unknownMigration<C>(run.migration);
  const found = (await migration.traces?.(runId, (ledger) => store.countCheckpoints(runId, ledger))) ?? [];
  return [...lockLeft(run), ...found, ...stepsLeft(migration, await store.listStages(runId))];
}

function lockLeft(run: RunRecord): LeftBehind[] {
  const lock = openLock(run);
  if (lock === undefined) return [];
  const locked = lock.state === "locked" ? "locked" : "perhaps locked";
  const since = new Date(lock.since).toISOString();
  return [
    { stage: "datastore", title: `${locked} since ${since}, marked with the run's name: ${lock.datastore}` },
  ];
}

function stepsLeft<C>(migration: Migration<C>, records: readonly StageRecord[]): LeftBehind[] {
  const started = records.filter(({ track }) => track === "forward").map(({ stage }) => stage);
  const undone = new Set(
    records.filter(({ track, state }) => track === "rollback" && state === "done").map(({ stage }) => stage),
  );
  const { beforeUndo: _, afterUndo: __, ...steps } = migration;
  const known = undoStages(steps, new Set(started))
    .filter(({ name }) => !undone.has(name))
    .map(({ name, title }) => ({ stage: name, title: `not done: ${title}` }));
  const unknown = started.filter((stage) => !migration.stages.some(({ name }) => name === stage));
  return [...known, ...unknown.map((stage) => ({ stage, title: "not undone: unknown in this version" }))];
}

/**
 * True where nothing speaks against undoing the run: it has not ended, its stages are known, it is not beyond its undo, and no way
 * back of it has failed. Whether its cluster is there is not asked.
 */
export async function isUndoable<C>({ store, migrations }: EngineParts<C>, run: RunRecord): Promise<boolean> {
  const migration = migrations.get(run.migration);
  if (migration === undefined || isEnd(run.state)) return false;
  if (run.track === "rollback" && run.state === "Failed") return false;
  const records = await store.listStages(run.runId);
  return startedUnknown(migration, records) === undefined && whyTooLate(migration, records) === undefined;
}

/** Stands in for a migration that is not installed. */
export function unknownMigration<C>(name: string): Migration<C> {
  return { name, title: name, stages: [], options: { safeParse: () => ({ success: true, data: {} }) } };
}
