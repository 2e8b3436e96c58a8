import { Command } from "commander";
import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";
import { isEnd } from "../../shared/engine/records.ts";
import { accompany } from "../drive/accompany.ts";
import { Interrupt } from "../drive/interrupt.ts";
import { EXIT } from "../exit-codes.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { silentReporter } from "../progress/reporter.ts";
import { findRun, isUnfinished } from "../runs.ts";
import { commandLine, openSession } from "../session.ts";
import type { World } from "../world.ts";
import { runDocument } from "../documents.ts";
import { tellLocks } from "../lock.ts";
import { print } from "../output/print.ts";
import type { CommandEntry } from "./command.ts";

/** `pause`: lets a run stop at its next safe point. */
export function pauseCommand(): CommandEntry {
  const command = new Command("pause")
    .summary("stop a run at its next safe point")
    .description("Asks a run to stop, and waits until it has; `resume` makes it go on.")
    .argument("[run]", "the run (default: the only one under way)");
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => pause(world, args, OutputFlags.parse(flags)) };
}

async function pause(world: World, args: readonly unknown[], flags: OutputFlags): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags);
  const run = await findRun(session.store, runId, isUnfinished);
  if (isEnd(run.state)) throw nothingToPause(run.runId, run.state);
  await session.actions.pause(run.runId);
  using interrupt = new Interrupt(world, session.drive === undefined ? "looksOn" : "works");
  // Where no process works on the run, this one carries out the request: it does nothing else then.
  const drive = { runId: run.runId, drive: true, mayAsk: false, reporter: silentReporter, interrupt };
  const { run: paused, control, stages } = await accompany(session, drive);
  print(world, flags, {
    document: runDocument(paused, { control, stages }),
    text: () => `run ${paused.runId}: ${paused.waiting?.reason ?? paused.state}\n`,
    names: [paused.runId],
  });
  if (flags.output !== "json") world.stderr.write(`next: ${commandLine(session, "resume", run.runId)}\n`);
  tellLocks(session, [paused]);
  return interrupt.signal.aborted ? EXIT.interrupted : EXIT.ok;
}

function nothingToPause(runId: string, state: string): MigratorError {
  return new MigratorError("RUN_ENDED", `run "${runId}" has ended: it is ${state}`, {
    next: "Nothing is left to pause.",
  });
}
