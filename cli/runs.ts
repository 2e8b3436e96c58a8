import { RunNotFoundError } from "../shared/engine/errors.ts";
import type { CheckpointStore } from "../shared/engine/ports.ts";
import { isEnd, isUndone, type RunRecord } from "../shared/engine/records.ts";
import { MigratorError } from "../shared/errors.ts";
import type { Session } from "./session.ts";
import type { World } from "./world.ts";

const PAGE = 100;
const NAMED = 5;
const NONE_FITS = "RUN_NONE_FITS";

/** All runs of a store, newest first, a page at a time. */
export async function* allRuns(
  store: Pick<CheckpointStore, "listRuns">,
  cluster?: string,
): AsyncGenerator<RunRecord, void> {
  let cursor: string | undefined;
  do {
    const page = await store.listRuns({
      limit: PAGE,
      ...(cluster === undefined ? {} : { cluster }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/**
 * The run of this id; without one, the only run that fits, where runs count less that another one of their cluster has come
 * in place of. Throws RunNotFoundError, RUN_AMBIGUOUS naming those that fit, and RUN_NONE_FITS.
 */
export async function findRun(
  store: Pick<CheckpointStore, "listRuns" | "getRun">,
  runId: string | undefined,
  fits: (run: RunRecord) => boolean,
): Promise<RunRecord> {
  if (runId !== undefined) {
    const found = await store.getRun(runId);
    if (found === undefined) throw new RunNotFoundError(runId);
    return found;
  }
  const fitting: RunRecord[] = [];
  for await (const run of allRuns(store)) if (fits(run)) fitting.push(run);
  const meant = fitting.filter((run) => !isReplaced(run, fitting));
  const [only, ...others] = meant;
  if (only === undefined) throw noneFits();
  if (others.length > 0) throw ambiguous(meant);
  return only;
}

/** True where another run holds the cluster, or is under way to, while this one holds nothing or has failed before it did. */
function isReplaced(run: RunRecord, others: readonly RunRecord[]): boolean {
  return others.some((other) => other.cluster === run.cluster && standing(other) > standing(run));
}

function standing({ holdsCluster, state }: RunRecord): number {
  if (holdsCluster) return 2;
  return state === "Failed" ? 0 : 1;
}

/**
 * As {@link findRun}, for commands that only look: where nothing fits, the newest migration is shown, and standard error says
 * which one it is.
 */
export async function findRunToShow(
  { store, world }: Pick<Session, "store" | "world">,
  runId: string | undefined,
  fits: (run: RunRecord) => boolean,
): Promise<RunRecord> {
  try {
    return await findRun(store, runId, fits);
  } catch (error) {
    if (!isNoneFits(error)) throw error;
    for await (const run of allRuns(store)) {
      if (!hasUndo(world, run)) continue;
      const { migration, cluster, state } = run;
      world.stderr.write(
        `no run is under way: this is the newest, ${run.runId} (${migration} on ${cluster}, ${state})\n`,
      );
      return run;
    }
    throw error;
  }
}

/** Fits what acts on a run that is under way. */
export function isUnfinished(run: RunRecord): boolean {
  return !isEnd(run.state);
}

/** Fits what turns a run around: also one that has succeeded. */
export function isUndoable(run: RunRecord): boolean {
  return !isUndone(run.state) && run.state !== "Abandoned";
}

/** Fits what is turned around without being named: not a run that failed before it had changed anything. */
export function isWorthUndoing(run: RunRecord): boolean {
  return isUndoable(run) && !(run.state === "Failed" && run.track === "forward" && !run.holdsCluster);
}

/** True for runs that leave something to undo: a backup does not. */
export function hasUndo({ migrations }: Pick<World, "migrations">, run: RunRecord): boolean {
  const migration = migrations.find(({ name }) => name === run.migration);
  return migration === undefined || migration.stages.some(({ undo = [] }) => undo.length > 0);
}

/** True where no run fits, which a command may know better advice for. */
export function isNoneFits(error: unknown): boolean {
  return error instanceof MigratorError && error.code === NONE_FITS;
}

const LIST = "List the runs with `calico-migrator get`; name the store with --store if it is another file.";

/** RUN_NONE_FITS, by default with the advice to list the runs. */
export function noneFits(next = LIST): MigratorError {
  return new MigratorError(NONE_FITS, "there is no run in this store that this can be done with", { next });
}

function ambiguous(runs: readonly RunRecord[]): MigratorError {
  const named = runs.slice(0, NAMED).map(({ runId, cluster, state }) => `${runId} (${cluster}, ${state})`);
  const more = runs.length > NAMED ? `, and ${runs.length - NAMED} more` : "";
  return new MigratorError("RUN_AMBIGUOUS", `${runs.length} runs fit: ${named.join(", ")}${more}`, {
    next: "Name the run.",
    details: { runs: runs.map(({ runId }) => runId) },
  });
}
