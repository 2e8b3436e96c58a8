import { Command } from "commander";
import { z } from "zod";
import type { LeftBehind } from "../../shared/engine/records.ts";
import { confirmOnCluster } from "../drive/confirm.ts";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { oneLine } from "../output/escape.ts";
import { findRun } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const EXAMPLES = `
Examples:
  calico-migrator abandon etcd-to-kubernetes-1a2b3c4d         # shows what stays behind, and asks
`;

/** `abandon`: gives a run up that nobody can finish or undo. */
export function abandonCommand(): CommandEntry {
  const command = new Command("abandon")
    .summary("give a run up as it stands, when it can be neither finished nor undone")
    .description(
      "Undoes nothing: it names what stays behind (locks, CRDs, paused tools), ends the run as Abandoned, and frees its cluster for other runs.",
    )
    .argument("<run>", "the run");
  withWorkOptions(command, "do not ask for the cluster's name").addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, args, flags }) => abandon(world, args, WorkFlags.parse(flags)) };
}

async function abandon(world: World, args: readonly unknown[], flags: WorkFlags): Promise<number> {
  const [runId] = z.tuple([z.string()]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const run = await findRun(session.store, runId, () => true);
  const left = await session.actions.leftBehind(runId);
  const explanation = `This gives up run ${runId} (${run.migration}, ${run.state}).\n${leftText(left)}`;
  if (!flags.yes) await confirmOnCluster(session, run, { verb: "abandon", explanation });
  world.stderr.write(leftText(await session.actions.abandon(runId, world.user)));
  return await workOn(session, run, flags, { wanted: "undo" });
}

function leftText(left: readonly LeftBehind[]): string {
  if (left.length === 0) return "nothing stays behind, as far as the run has recorded\n";
  const lines = left.map(({ stage, title }) => `  ${stage}: ${oneLine(title)}\n`);
  return `what stays behind, for somebody to see to by hand:\n${lines.join("")}`;
}
