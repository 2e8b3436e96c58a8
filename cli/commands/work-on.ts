import type { RunRecord } from "../../shared/engine/records.ts";
import { accompany } from "../drive/accompany.ts";
import { Interrupt } from "../drive/interrupt.ts";
import { readSnapshot } from "../drive/snapshot.ts";
import { EXIT } from "../exit-codes.ts";
import { pointsOfNoReturn } from "../migration.ts";
import type { WorkFlags } from "../options/common.ts";
import { tellLocks } from "../lock.ts";
import { finish, type Wanted } from "../outcome.ts";
import { openReporter } from "../progress/open-reporter.ts";
import { commandLine, type Session } from "../session.ts";
import { workerOf } from "../worker.ts";

/** How a command goes on with a run. */
export interface WorkOptions {
  wanted: Wanted;
  /** Tell all events of the run, not only those from now on. */
  fromFirstEvent?: boolean;
}

/** Works on a run, or looks on while another process does, until only a person can make it go on; then tells how it stands. */
export async function workOn(
  session: Session,
  run: RunRecord,
  flags: Pick<WorkFlags, "wait" | "yes">,
  options: WorkOptions,
): Promise<number> {
  const { runId, migration } = run;
  if (!flags.wait) return leave(session, runId);
  using interrupt = new Interrupt(session.world, session.drive === undefined ? "looksOn" : "works");
  const snapshot = await accompany(session, {
    runId,
    drive: true,
    mayAsk: !flags.yes,
    afterEvent: options.fromFirstEvent === true ? 0 : run.eventSequence,
    reporter: openReporter(session, migration),
    interrupt,
  });
  return await finish(session, snapshot, { wanted: options.wanted, interrupted: interrupt.signal.aborted });
}

/**
 * Approves in advance what `--yes` covers, the points of no return but for the stage that the run was told to stop before, and
 * the stages that are named in `--yes=STAGE`. A run that goes back has nothing ahead of it that `--yes` would cover.
 */
export async function approveAlso(
  { actions, store, world }: Pick<Session, "actions" | "store" | "world">,
  { runId, migration }: Pick<RunRecord, "runId" | "migration">,
  { yes, yesAlso }: Pick<WorkFlags, "yes" | "yesAlso">,
): Promise<void> {
  const control = await store.getControl(runId);
  const known = world.migrations.find(({ name }) => name === migration);
  const points = yes && known !== undefined && control?.undo === undefined ? pointsOfNoReturn(known) : [];
  const covered = points.filter((subject) => subject !== control?.stopBefore);
  for (const subject of new Set([...covered, ...yesAlso])) await actions.approve(runId, world.user, subject);
}

/** Leaves the work to another process. */
async function leave(session: Session, runId: string): Promise<number> {
  const { run } = await readSnapshot(session, runId, Number.MAX_SAFE_INTEGER);
  session.world.stdout.write(
    session.flags.output === "json" ? `${JSON.stringify({ run: runId, state: run.state })}\n` : `${runId}\n`,
  );
  const isWorkedOn = session.drive === undefined || (await workerOf(session.store, run)) !== undefined;
  const next = isWorkedOn ? "watch" : "resume";
  session.world.stderr.write(`next: ${commandLine(session, next, runId)}\n`);
  tellLocks(session, [run]);
  return EXIT.ok;
}
