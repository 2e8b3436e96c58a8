import { type Failure, isEnd, isUndone, type RunRecord, type Waiting } from "../shared/engine/records.ts";
import { whyTooLate } from "../shared/engine/undo.ts";
import type { Snapshot } from "./drive/snapshot.ts";
import { runDocument } from "./documents.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { printFailure } from "./failures.ts";
import { failureGoneBack } from "./gone-back.ts";
import { readOnlyLedger } from "./kind-progress.ts";
import { tellLocks } from "./lock.ts";
import { oneLine } from "./output/escape.ts";
import { print } from "./output/print.ts";
import { type ExportedReport, exportReport, reportText } from "./report.ts";
import { commandLine, type Session } from "./session.ts";
import { stateText, workerOf } from "./worker.ts";

/** What a command wanted of a run. */
export type Wanted = "forward" | "undo";

/** Tells how a run stands at the end of a command, and gives the command's exit code. */
export async function finish(
  session: Session,
  snapshot: Snapshot,
  { wanted, interrupted }: { wanted: Wanted; interrupted: boolean },
): Promise<number> {
  const { run, control, stages } = snapshot;
  const report = run.state === "Succeeded" ? await exportReport(session, run.runId) : undefined;
  const left = isUndone(run.state) ? await leftText(session, run) : "";
  const state = stateText(session, run, await workerOf(session.store, run));
  const status = report === undefined ? {} : { reportFile: report.file, report: report.content };
  print(session.world, session.flags, {
    document: runDocument(run, { control, stages, status }),
    text: () => `${endText(run, state, report)}${left}`,
    names: [run.runId],
  });
  const code = told(session, snapshot, { wanted, interrupted });
  tellLocks(session, [run], false);
  return code;
}

function told(
  session: Session,
  snapshot: Snapshot,
  { wanted, interrupted }: { wanted: Wanted; interrupted: boolean },
): number {
  const { run, control } = snapshot;
  if (!isEnd(run.state) && run.state !== "Failed") return unfinished(session, snapshot, interrupted);
  if (run.failure !== undefined) return failed(session, snapshot, run.failure);
  if (wanted === "forward" && isUndone(run.state) && control.undoCause !== undefined)
    return wentBack(session, control.undoCause.failure);
  const reached = wanted === "forward" ? run.state === "Succeeded" : run.state !== "Succeeded";
  return reached ? EXIT.ok : EXIT.error;
}

function endText(run: RunRecord, state: string, report: ExportedReport | undefined): string {
  const line = `run ${run.runId} on ${run.cluster}: ${state}\n`;
  return report === undefined ? line : `${line}\n${reportText(report)}`;
}

/** What an undone run could not take back, or had to leave to others, and what it leaves out of force: too much to be told here. */
async function leftText(session: Session, { runId }: RunRecord): Promise<string> {
  const left = await countIn(session, runId, "leftovers");
  const writes = await countIn(session, runId, "native-writes");
  const how = commandLine(session, "describe", runId);
  return [
    left === 0
      ? ""
      : `${counted(left, "thing is", "things are")} left in the target, each with the reason: ${how}\n`,
    writes === 0
      ? ""
      : `${counted(writes, "write", "writes")} of others, accepted before the run went back, not in force any more; each with what to do: ${how}\n`,
  ].join("");
}

async function countIn({ store }: Session, runId: string, ledger: string): Promise<number> {
  const counts = await readOnlyLedger(store, runId, ledger).count();
  return (counts.pending ?? 0) + (counts.failed ?? 0);
}

function counted(count: number, one: string, several: string): string {
  return `${count} ${count === 1 ? one : several}`;
}

function failed(session: Session, { run, stages }: Snapshot, failure: Failure): number {
  const { world, flags } = session;
  printFailure(world.stderr, failure, { json: flags.output === "json", flags });
  if (flags.output !== "json") {
    world.stderr.write(`      go on:   ${commandLine(session, "resume", run.runId)}\n`);
    if (run.track === "forward" && run.holdsCluster && !isTooLate(session, run, stages)) {
      world.stderr.write(`      go back: ${commandLine(session, "rollback", run.runId)}\n`);
    }
  }
  return exitCodeOf(failure.code);
}

/** True where nothing goes back any more, and `rollback` would only be refused. */
function isTooLate({ world }: Session, run: RunRecord, stages: Snapshot["stages"]): boolean {
  const migration = world.migrations.find(({ name }) => name === run.migration);
  return migration !== undefined && whyTooLate(migration, stages) !== undefined;
}

/** A run that has been undone by itself, and why. */
function wentBack({ world, flags }: Session, failure: Failure): number {
  printFailure(world.stderr, failureGoneBack(failure), { json: flags.output === "json", flags });
  return exitCodeOf(failure.code);
}

/** A run that is left on its way, with what makes it go on. */
function unfinished(session: Session, { run, control }: Snapshot, interrupted: boolean): number {
  const { stderr } = session.world;
  const { waiting } = run;
  if (session.flags.output !== "json") {
    if (waiting !== undefined) stderr.write(`waiting (${waiting.reason}): ${oneLine(waiting.message)}\n`);
    stderr.write(`next: ${nextCommand(session, run, control.pause)}\n`);
  }
  return interrupted ? EXIT.interrupted : EXIT.actionNeeded;
}

/** With the fingerprint, where what is approved depends on what was found. */
function approvalOf(subject: string, { count, fingerprint }: Waiting): string {
  return count === undefined || fingerprint === undefined ? subject : `${subject}@${fingerprint}`;
}

function nextCommand(session: Session, { runId, waiting }: RunRecord, pausing: boolean): string {
  if (!pausing && waiting?.reason === "Approval" && waiting.subject !== undefined)
    return commandLine(session, "approve", runId, approvalOf(waiting.subject, waiting));
  if (!pausing && waiting?.reason === "Conflict") return commandLine(session, "conflicts", runId);
  // Elsewhere the run goes on by itself, unless it waits for a person.
  const goesOn = session.drive === undefined && waiting?.reason !== "Paused";
  return commandLine(session, goesOn ? "watch" : "resume", runId);
}
