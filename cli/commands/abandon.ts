import { Command } from "commander";
import { z } from "zod";
import { isEnd, type LeftBehind } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { confirmOnCluster } from "../drive/confirm.ts";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { oneLine } from "../output/escape.ts";
import { findRun } from "../runs.ts";
import { commandLine, openSession, type Session } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const AbandonFlags = WorkFlags.extend({ force: z.boolean().default(false) });
type AbandonFlags = z.infer<typeof AbandonFlags>;

const EXAMPLES = `
Examples:
  calico-migrator abandon etcd-to-kubernetes-1a2b3c4d          # shows what stays behind, and asks
  calico-migrator abandon etcd-to-kubernetes-1a2b3c4d --force  # though it could be undone: its cluster is gone
`;

/** `abandon`: gives a run up that nobody can finish or undo. */
export function abandonCommand(): CommandEntry {
  const command = new Command("abandon")
    .summary("give a run up as it stands, when it can be neither finished nor undone")
    .description(
      "Undoes nothing: it names what stays behind (locks, CRDs, paused tools), ends the run as Abandoned, and frees its cluster for other runs.",
    )
    .argument("<run>", "the run");
  withWorkOptions(command, "do not ask for the cluster's name")
    .option("--force", "give it up though it could be undone, as when its cluster is gone")
    .addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, args, flags }) => abandon(world, args, AbandonFlags.parse(flags)) };
}

async function abandon(world: World, args: readonly unknown[], flags: AbandonFlags): Promise<number> {
  const [runId] = z.tuple([z.string()]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const run = await findRun(session.store, runId, () => true);
  if (!flags.force && !isEnd(run.state) && (await session.actions.isUndoable(runId)))
    throw undoable(session, runId);
  const left = await session.actions.leftBehind(runId);
  const explanation = `This gives up run ${runId} (${run.migration}, ${run.state}).\n${leftText(left)}`;
  // A run that has ended is refused: nobody is asked about it first.
  if (!flags.yes && !isEnd(run.state)) {
    const words = flags.force ? ["--force"] : [];
    await confirmOnCluster(session, run, { verb: "abandon", explanation, words });
  }
  world.stderr.write(leftText(await session.actions.abandon(runId, world.user)));
  return await workOn(session, run, flags, { wanted: "undo" });
}

/** The way back leaves nothing, and this leaves everything: only a person who says so again wants that. */
function undoable(session: Session, runId: string): MigratorError {
  return new MigratorError("ABANDON_UNDOABLE", `run "${runId}" can still be undone`, {
    next: `Take it back with \`${commandLine(session, "rollback", runId)}\`, which leaves nothing behind. Where that cannot work, as its cluster is gone, give --force as well.`,
  });
}

function leftText(left: readonly LeftBehind[]): string {
  if (left.length === 0) return "nothing stays behind, as far as the run has recorded\n";
  const lines = left.map(({ stage, title }) => `  ${stage}: ${oneLine(title)}\n`);
  return `what stays behind, for somebody to see to by hand:\n${lines.join("")}`;
}
