import { Command, Option } from "commander";
import { z } from "zod";
import { checkApprovals } from "../check-approvals.ts";
import { WorkFlags, withWorkOptions, withYesAlso } from "../options/common.ts";
import { findRun, isUnfinished } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { approveAlso, workOn } from "./work-on.ts";

const EXAMPLES = `
Examples:
  calico-migrator resume                              # the only run under way
  calico-migrator resume etcd-to-kubernetes-1a2b3c4d
  calico-migrator resume apiserver-to-crds-1a2b3c4d --skip NetworkSet/shop/partners   # without that object: a loss to approve
`;

const ResumeFlags = WorkFlags.extend({ skip: z.array(z.string()).optional() });
type ResumeFlags = z.infer<typeof ResumeFlags>;

/** `resume`: goes on with a run that was interrupted, paused, or has failed. */
export function resumeCommand(): CommandEntry {
  const command = new Command("resume")
    .summary("go on with a run that was interrupted, paused or has failed")
    .description(
      "Goes on where a run stands: after Ctrl-C, a crash, `pause`, or once the cause of a failure is mended.",
    )
    .argument("[run]", "the run (default: the only one under way)");
  withYesAlso(withWorkOptions(command, "approve the points of no return, and ask nothing")).addHelpText(
    "before",
    EXAMPLES.trimStart(),
  );
  command.addOption(
    new Option(
      "--skip <object>",
      "leave this object of the old group out from now on, such as NetworkSet/shop/partners (repeatable): a loss to approve",
    ).argParser((object: string, before: readonly string[] | undefined) => [...(before ?? []), object]),
  );
  return { command, handle: ({ world, args, flags }) => resume(world, args, ResumeFlags.parse(flags)) };
}

async function resume(world: World, args: readonly unknown[], flags: ResumeFlags): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const { store } = session;
  const run = await findRun(store, runId, isUnfinished);
  const { skip } = flags;
  await checkApprovals(
    session,
    run.runId,
    flags.yesAlso.map((subject) => ({ subject })),
  );
  await session.actions.resume(run.runId, skip && { objects: skip, by: world.user });
  await approveAlso(session, run, flags);
  const control = await store.getControl(run.runId);
  return await workOn(session, run, flags, { wanted: control?.undo === undefined ? "forward" : "undo" });
}
