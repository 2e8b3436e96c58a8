import { Command } from "commander";
import { z } from "zod";
import type { RunRecord } from "../../shared/engine/records.ts";
import type { MigratorError } from "../../shared/errors.ts";
import { confirmOnCluster } from "../drive/confirm.ts";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { allRuns, findRun, hasUndo, isNoneFits, isUnfinished, isWorthUndoing, noneFits } from "../runs.ts";
import { commandLine, openSession, type Session } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

/** `rollback`: takes everything back that a run has done, also after the point of no return where that is possible. */
export function rollbackCommand(): CommandEntry {
  const command = new Command("rollback")
    .summary("take back everything that a run has done")
    .description(
      "Undoes a run, stage by stage, in reverse order. After the unlock, what changed in the Kubernetes datastore since is carried back into etcd first.",
    )
    .argument("[run]", "the run (default: the only one that can be undone)");
  return entry(command, "rollback", isWorthUndoing, "migrations");
}

/** `abort`: gives a run up before its point of no return. */
export function abortCommand(): CommandEntry {
  const command = new Command("abort")
    .summary("give a run up before its point of no return")
    .description("Undoes a run that has not passed its point of no return, and ends it as Aborted.")
    .argument("[run]", "the run (default: the only one under way)");
  return entry(command, "abort", isUnfinished, "all");
}

function entry(
  command: Command,
  kind: "abort" | "rollback",
  fits: (run: RunRecord) => boolean,
  among: "all" | "migrations",
): CommandEntry {
  withWorkOptions(command, "do not ask for the cluster's name");
  return {
    command,
    handle: ({ world, args, flags }) => undo(world, args, WorkFlags.parse(flags), { kind, fits, among }),
  };
}

async function undo(
  world: World,
  args: readonly unknown[],
  flags: WorkFlags,
  how: { kind: "abort" | "rollback"; fits: (run: RunRecord) => boolean; among: "all" | "migrations" },
): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const isMeant = (one: RunRecord): boolean => how.among === "all" || hasUndo(world, one);
  const run = await findRun(session.store, runId, (one) => how.fits(one) && isMeant(one)).catch(
    async (error: unknown) => {
      throw isNoneFits(error) && how.kind === "abort" ? await nothingToAbort(session) : error;
    },
  );
  await session.actions.checkUndo(run.runId, how.kind);
  if (!flags.yes) await confirmOnCluster(session, run, explained(run, how.kind));
  await session.actions.undo(run.runId, how.kind);
  return await workOn(session, run, flags, { wanted: "undo" });
}

/** There is nothing to abort: the newest run may be one that has succeeded, which can be undone in another way. */
async function nothingToAbort(session: Session): Promise<MigratorError> {
  for await (const run of allRuns(session.store)) {
    if (!hasUndo(session.world, run)) continue;
    if (run.state !== "Succeeded") break;
    const back = commandLine(session, "rollback", run.runId);
    return noneFits(`Run ${run.runId} has succeeded: \`${back}\` takes it back.`);
  }
  return noneFits();
}

function explained(
  { runId, migration, state }: RunRecord,
  verb: "abort" | "rollback",
): { verb: string; explanation: string } {
  return { verb, explanation: `This will ${verb} run ${runId} (${migration}, ${state}).` };
}
