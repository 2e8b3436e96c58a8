import { Command } from "commander";
import { z } from "zod";
import { isEnd } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { accompany } from "../drive/accompany.ts";
import { Interrupt } from "../drive/interrupt.ts";
import { needsPerson } from "../drive/settled.ts";
import type { Snapshot } from "../drive/snapshot.ts";
import { OutputFlags, seconds, withCommonOptions } from "../options/common.ts";
import { EXIT } from "../exit-codes.ts";
import { printFailure } from "../failures.ts";
import { tellLocks } from "../lock.ts";
import { finish } from "../outcome.ts";
import { openReporter } from "../progress/open-reporter.ts";
import { findRun, isUnfinished } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

const WatchFlags = OutputFlags.extend({ timeout: z.int().optional() });

/** `watch`: looks on until a run ends. */
export function watchCommand(): CommandEntry {
  const command = new Command("watch")
    .summary("look on while another process works on a run")
    .description("Looks on until the run ends or fails; works from any terminal, and changes nothing.")
    .argument("[run]", "the run (default: the only one under way)")
    .option(
      "--timeout <seconds>",
      "stop looking on after this time, with exit code 5",
      seconds(0, 31_536_000),
    );
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => watch(world, args, WatchFlags.parse(flags)) };
}

async function watch(
  world: World,
  args: readonly unknown[],
  flags: z.infer<typeof WatchFlags>,
): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags);
  const run = await findRun(session.store, runId, isUnfinished);
  const control = await session.store.getControl(run.runId);
  using interrupt = new Interrupt(world, "looksOn");
  const endsAt = flags.timeout === undefined ? Infinity : world.clock.now() + flags.timeout;
  const snapshot = await accompany(session, {
    runId: run.runId,
    drive: false,
    mayAsk: false,
    afterEvent: run.eventSequence,
    reporter: openReporter(session, run.migration),
    interrupt,
    until: (seen) => isOver(seen) || seen.now >= endsAt,
  });
  if (!isOver(snapshot) && !interrupt.signal.aborted) {
    printFailure(world.stderr, timedOut(run.runId), { json: flags.output === "json", flags });
    tellLocks(session, [snapshot.run]);
    return EXIT.timeout;
  }
  const wanted = control?.undo === undefined ? "forward" : "undo";
  return await finish(session, snapshot, { wanted, interrupted: interrupt.signal.aborted });
}

function isOver({ run, control }: Snapshot): boolean {
  return needsPerson(run, control) && (isEnd(run.state) || run.state === "Failed");
}

function timedOut(runId: string): MigratorError {
  return new MigratorError("WATCH_TIMEOUT", `run "${runId}" has not ended in time`, {
    next: `See how it stands with \`calico-migrator get ${runId}\`.`,
  });
}
