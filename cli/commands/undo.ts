import { Command } from "commander";
import { z } from "zod";
import type { RunRecord } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { ask, canAsk } from "../drive/prompt.ts";
import { Interrupt } from "../drive/interrupt.ts";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { findRun, isUndoable, isUnfinished } from "../runs.ts";
import { openSession } from "../session.ts";
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
  return entry(command, "rollback", isUndoable);
}

/** `abort`: gives a run up before its point of no return. */
export function abortCommand(): CommandEntry {
  const command = new Command("abort")
    .summary("give a run up before its point of no return")
    .description("Undoes a run that has not passed its point of no return, and ends it as Aborted.")
    .argument("[run]", "the run (default: the only one under way)");
  return entry(command, "abort", isUnfinished);
}

function entry(
  command: Command,
  kind: "abort" | "rollback",
  fits: (run: RunRecord) => boolean,
): CommandEntry {
  withWorkOptions(command, "do not ask for the cluster's name");
  return {
    command,
    handle: ({ world, args, flags }) => undo(world, args, WorkFlags.parse(flags), { kind, fits }),
  };
}

async function undo(
  world: World,
  args: readonly unknown[],
  flags: WorkFlags,
  how: { kind: "abort" | "rollback"; fits: (run: RunRecord) => boolean },
): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const run = await findRun(session.store, runId, how.fits);
  if (!flags.yes && isUndoable(run)) await confirm(world, run, how.kind);
  await session.actions.undo(run.runId, how.kind);
  return await workOn(session, run, flags, { wanted: "undo" });
}

/** Has a person on a terminal type the cluster's name; throws NOT_CONFIRMED for anything else. */
async function confirm(world: World, run: RunRecord, kind: string): Promise<void> {
  if (!canAsk(world)) return;
  using interrupt = new Interrupt(world);
  const asked = {
    explanation: `This will ${kind} run ${run.runId} (${run.migration}, ${run.state}).`,
    question: `Type the name of the cluster, ${run.cluster}, to go on: `,
  };
  const answer = await ask(world, asked, {
    signal: interrupt.signal,
    onInterrupt: () => {
      interrupt.request();
    },
  });
  if (answer === run.cluster) return;
  throw new MigratorError("NOT_CONFIRMED", "the name that was typed is not the cluster's; nothing was done", {
    next: "Run the command again and type the name, or add --yes.",
  });
}
