import type { HeldLease } from "./held-lease.ts";
import { type Migration, undoStages } from "./migration.ts";
import type { LeftBehind, RunControl, RunRecord, StageRecord } from "./records.ts";
import { RunSession } from "./session.ts";
import type { EngineParts } from "./settings.ts";
import { cancelOpenBatches, sendAdvance } from "./stage-batches.ts";
import { announce, toEnd } from "./transitions.ts";

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
  const left = leftBehind(migration, await parts.store.listStages(runId));
  const session = new RunSession(parts, lease, { run, control, migration });
  await session.save((from, now) => {
    const { by } = control.abandon ?? { by: "" };
    const told = announce(from, "run.abandoned", { by, leftBehind: left.map((one) => ({ ...one })) }, now);
    return toEnd({ ...told, run: { ...told.run, leftBehind: left } }, "Abandoned", now);
  });
  await session.leave();
}

/** The steps of the way back that were not taken. What this version does not know is named by its stage. */
export function leftBehind<C>(migration: Migration<C>, records: readonly StageRecord[]): LeftBehind[] {
  const started = records.filter(({ track }) => track === "forward").map(({ stage }) => stage);
  const undone = new Set(
    records.filter(({ track, state }) => track === "rollback" && state === "done").map(({ stage }) => stage),
  );
  const { afterUndo: _, ...steps } = migration;
  const known = undoStages(steps, new Set(started))
    .filter(({ name }) => !undone.has(name))
    .map(({ name, title }) => ({ stage: name, title: `not done: ${title}` }));
  const unknown = started.filter((stage) => !migration.stages.some(({ name }) => name === stage));
  return [...known, ...unknown.map((stage) => ({ stage, title: "not undone: unknown in this version" }))];
}

/** Stands in for a migration that is not installed. */
function unknownMigration<C>(name: string): Migration<C> {
  return { name, title: name, stages: [], options: { safeParse: () => ({ success: true, data: {} }) } };
}
