import type { Command } from "../../events/commands.ts";
import type { Engine } from "../../shared/engine/engine.ts";
import type { CheckpointStore, Clock } from "../../shared/engine/ports.ts";
import { isEnd, type RunRecord } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { type Asked, wasTaken } from "../runtime/asked.ts";
import { misrouted } from "../runtime/misrouted.ts";

const PAGE = 100;
const MINUTE_MS = 60_000;
/** So much the clocks of who asks and of who creates runs may differ. */
const CLOCK_DIFFERENCE_MS = 5_000;

/** Undone runs stay undone: asking again, or a message that comes twice, changes nothing. */
const ALREADY_UNDONE = "UNDO_ENDED";

/** What it takes to find the run of a cluster, for whoever does not know which it is: an alarm. */
export interface OfCluster {
  store: Pick<CheckpointStore, "listRuns" | "getControl">;
  clock: Pick<Clock, "now">;
  asked: Asked;
  /** For so long after its end a run may be meant. */
  withinMs: number;
}

/**
 * Carries out the commands that undo. Throws what `Engine.undo` throws; for a cluster, NOTHING_TO_UNDO
 * where it has no runs and ROLLBACK_TOO_LATE where the run ended too long ago; and MESSAGE_MISROUTED.
 */
export async function carryOutRollbackCommand<C>(
  command: Command,
  engine: Engine<C>,
  ofCluster: OfCluster,
): Promise<void> {
  switch (command.type) {
    case "AbortRequested":
      return undo(engine, command.data.runId, "abort");
    case "RollbackRequested":
      return command.data.runId === undefined
        ? undoCluster(engine, command.data.cluster ?? "", ofCluster)
        : undo(engine, command.data.runId, "rollback");
    default:
      throw misrouted(command.type);
  }
}

async function undo<C>(engine: Engine<C>, runId: string, kind: "abort" | "rollback"): Promise<void> {
  try {
    await engine.undo(runId, kind);
  } catch (error) {
    if (!(error instanceof MigratorError) || error.code !== ALREADY_UNDONE) throw error;
  }
}

async function undoCluster<C>(engine: Engine<C>, cluster: string, of: OfCluster): Promise<void> {
  const run = await runOf(engine, cluster, of);
  if (await wasTaken(of.store, run.runId, of.asked)) return engine.wake(run.runId);
  const { finishedAt } = run;
  if (finishedAt !== undefined && of.clock.now() > finishedAt + of.withinMs) throw tooLate(run, of);
  return undo(engine, run.runId, "rollback");
}

/**
 * The unfinished run that holds the cluster, else the newest one that has begun: one that only waits for its first worker
 * has changed nothing, and a backup leaves nothing to undo. A run that was undone already counts, so that an alarm that comes twice undoes no older one;
 * and one that began after the alarm rang is none of its business.
 */
async function runOf<C>(
  engine: Pick<Engine<C>, "hasUndo">,
  cluster: string,
  { store, asked }: OfCluster,
): Promise<RunRecord> {
  let newest: RunRecord | undefined;
  let cursor: string | undefined;
  do {
    const query = { cluster, limit: PAGE };
    const page = await store.listRuns(cursor === undefined ? query : { ...query, cursor });
    const runs = page.items.filter(({ createdAt }) => createdAt <= asked.at + CLOCK_DIFFERENCE_MS);
    const holder = runs.find((run) => run.holdsCluster && !isEnd(run.state));
    if (holder !== undefined) return holder;
    newest ??= runs.find((run) => run.state !== "Pending" && engine.hasUndo(run.migration));
    cursor = page.cursor;
  } while (cursor !== undefined);
  if (newest !== undefined) return newest;
  throw new MigratorError("NOTHING_TO_UNDO", `there is no run on the cluster "${cluster}"`, {
    next: "List the runs with `calico-migrator get --aws`, and name the run itself: `calico-migrator rollback RUN --aws`.",
  });
}

function tooLate({ runId, cluster }: RunRecord, { withinMs }: OfCluster): MigratorError {
  const minutes = Math.round(withinMs / MINUTE_MS);
  return new MigratorError(
    "ROLLBACK_TOO_LATE",
    `run "${runId}" on the cluster "${cluster}" ended more than ${minutes} min ago: what goes wrong now may have another cause`,
    {
      next: `Look at the cluster first; to undo the run all the same, name it: \`calico-migrator rollback ${runId} --aws\`. The setting rollbackWithinMinutes allows for more time.`,
    },
  );
}
