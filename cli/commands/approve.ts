import { Command } from "commander";
import { z } from "zod";
import type { RunRecord } from "../../shared/engine/records.ts";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { findRun } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const EXAMPLES = `
Examples:
  calico-migrator approve                                      # what the only waiting run waits for
  calico-migrator approve etcd-to-kubernetes-1a2b3c4d unlock
`;

/** `approve`: records a person's yes, and goes on with the run. */
export function approveCommand(): CommandEntry {
  const command = new Command("approve")
    .summary("approve what a run waits for, and go on with it")
    .description("Records your approval, with your name and the time, and goes on with the run.")
    .argument("[run]", "the run (default: the only one that waits for an approval)")
    .argument("[subjects...]", "what to approve (default: what the run waits for)");
  withWorkOptions(command, "ask nothing more").addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, args, flags }) => approve(world, args, WorkFlags.parse(flags)) };
}

async function approve(world: World, args: readonly unknown[], flags: WorkFlags): Promise<number> {
  const [runId, subjects] = z.tuple([z.string().optional(), z.array(z.string()).default([])]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const { store } = session;
  const run = await findRun(store, runId, waitsForApproval);
  for (const subject of subjects.length === 0 ? [undefined] : subjects) {
    const approved = await session.actions.approve(run.runId, world.user, subject);
    world.stderr.write(`approved: ${approved}\n`);
  }
  const control = await store.getControl(run.runId);
  return await workOn(session, run, flags, { wanted: control?.undo === undefined ? "forward" : "undo" });
}

function waitsForApproval({ waiting }: RunRecord): boolean {
  return waiting?.reason === "Approval";
}
