import type { Command } from "../../events/commands.ts";
import type { Engine } from "../../shared/engine/engine.ts";
import type { CheckpointStore } from "../../shared/engine/ports.ts";
import { isEnd, type RunRecord } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { misrouted } from "../runtime/misrouted.ts";

const PAGE = 100;

/** Undone runs stay undone: asking again, or a message that comes twice, changes nothing. */
const ALREADY_UNDONE = "UNDO_ENDED";

/**
 * Carries out the commands that come to the queue of rollbacks. Throws what `Engine.undo` throws, NOTHING_TO_UNDO for a
 * cluster without runs, and MESSAGE_MISROUTED.
 */
export async function carryOutRollbackCommand<C>(
  command: Command,
  engine: Engine<C>,
  store: Pick<CheckpointStore, "listRuns">,
): Promise<void> {
  switch (command.type) {
    case "AbortRequested":
      return undo(engine, command.data.runId, "abort");
    case "RollbackRequested":
      return undo(
        engine,
        command.data.runId ?? (await runOf(store, engine, command.data.cluster ?? "")),
        "rollback",
      );
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

/**
 * The unfinished run that holds the cluster, else the newest one that has begun: one that only waits for its first worker
 * has changed nothing, and a backup leaves nothing to undo. A run that was undone already counts, so that an alarm that comes twice undoes no older one.
 */
async function runOf<C>(
  store: Pick<CheckpointStore, "listRuns">,
  engine: Pick<Engine<C>, "hasUndo">,
  cluster: string,
): Promise<string> {
  let newest: RunRecord | undefined;
  let cursor: string | undefined;
  do {
    const query = { cluster, limit: PAGE };
    const page = await store.listRuns(cursor === undefined ? query : { ...query, cursor });
    const holder = page.items.find((run) => run.holdsCluster && !isEnd(run.state));
    if (holder !== undefined) return holder.runId;
    newest ??= page.items.find((run) => run.state !== "Pending" && engine.hasUndo(run.migration));
    cursor = page.cursor;
  } while (cursor !== undefined);
  if (newest !== undefined) return newest.runId;
  throw new MigratorError("NOTHING_TO_UNDO", `there is no run on the cluster "${cluster}"`, {
    next: "List the runs with `calico-migrator get`, and name the run itself.",
  });
}
