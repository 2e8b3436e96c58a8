import { Command } from "commander";
import { z } from "zod";
import { parseApproval } from "../../shared/engine/approvals.ts";
import type { Approval, RunRecord } from "../../shared/engine/records.ts";
import { checkApprovals } from "../check-approvals.ts";
import { WorkFlags, withWorkOptions, withYesAlso } from "../options/common.ts";
import { findRun } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { approveAlso, workOn } from "./work-on.ts";

const EXAMPLES = `
Examples:
  calico-migrator approve                                      # what the only waiting run waits for
  calico-migrator approve etcd-to-kubernetes-1a2b3c4d unlock
  calico-migrator approve etcd-to-kubernetes-1a2b3c4d uncarried@3f2a91c0d4e7   # only what was shown under this fingerprint
`;

/** `approve`: records a person's yes, and goes on with the run. */
export function approveCommand(): CommandEntry {
  const command = new Command("approve")
    .summary("approve what a run waits for, and go on with it")
    .description(
      "Records your approval, with your name and the time, and goes on with the run. It holds for what the run shows now: what changes afterwards is asked for again.",
    )
    .argument("[run]", "the run (default: the only one that waits for an approval)")
    .argument(
      "[subjects...]",
      "what to approve, as SUBJECT or SUBJECT@FINGERPRINT (default: what the run waits for)",
    );
  withYesAlso(
    withWorkOptions(command, "approve the points of no return as well, and ask nothing"),
  ).addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, args, flags }) => approve(world, args, WorkFlags.parse(flags)) };
}

async function approve(world: World, args: readonly unknown[], flags: WorkFlags): Promise<number> {
  const [runId, subjects] = z.tuple([z.string().optional(), z.array(z.string()).default([])]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const { store } = session;
  const run = await findRun(store, runId, waitsForApproval);
  const wanted: { subject?: string; fingerprint?: string }[] =
    subjects.length === 0 ? [{}] : subjects.map(parseApproval);
  await checkApprovals(session, run.runId, [...wanted, ...flags.yesAlso.map((subject) => ({ subject }))]);
  for (const { subject, fingerprint } of wanted) {
    const approved = await session.actions.approve(run.runId, world.user, subject, fingerprint);
    world.stderr.write(`approved: ${approvedText(run, approved)}\n`);
  }
  await approveAlso(session, run, flags);
  const control = await store.getControl(run.runId);
  return await workOn(session, run, flags, { wanted: control?.undo === undefined ? "forward" : "undo" });
}

/** With what the approval covers, where the run shows it. */
function approvedText({ waiting }: RunRecord, { subject, fingerprint }: Approval): string {
  const isShown = waiting?.subject === subject && waiting.fingerprint === fingerprint;
  return isShown ? `${subject}: ${waiting.message}` : subject;
}

function waitsForApproval({ waiting }: RunRecord): boolean {
  return waiting?.reason === "Approval";
}
