import { DEFAULT_LOCK_POLICY } from "../../shared/engine/lock.ts";
import type { RunRecord } from "../../shared/engine/records.ts";
import type { Reporter } from "../progress/reporter.ts";
import { commandLine, type Session } from "../session.ts";
import type { Driver } from "./driver.ts";
import type { Interrupt } from "./interrupt.ts";
import { canAsk, ask, isYes } from "./prompt.ts";
import { readRetries, type Retries } from "./retries.ts";
import { goesBackByItself, needsPerson, waitsForDecision } from "./settled.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";

const RETRIES_EVERY_MS = 3000;

/** How to go along with a run. */
export interface AccompanyOptions {
  runId: string;
  /** Work on the run in this process when no other live one does and the session can; otherwise only look on. */
  drive: boolean;
  /** Ask on a terminal for the approvals that the run waits for. */
  mayAsk: boolean;
  /** Tell the events after this number; default all. */
  afterEvent?: number;
  reporter: Reporter;
  interrupt: Interrupt;
  /**
   * True when it is enough; default: as soon as only a person can make the run go on, or without a terminal as soon as one has
   * to decide.
   */
  until?: (snapshot: Snapshot) => boolean;
}

/**
 * Goes along with a run until it is settled or a person interrupts, and gives its last state. Another process may drive
 * it; when that one ends, a driving process takes over.
 */
export async function accompany(session: Session, options: AccompanyOptions): Promise<Snapshot> {
  const { reporter, interrupt } = options;
  const until = options.until ?? ((snapshot) => isEnough(session, snapshot));
  let driver: Driver | undefined;
  let seen = options.afterEvent ?? 0;
  let declined: number | undefined;
  const retriesOf = retriesWatch(session);
  const tellDecision = decisionTeller(session, reporter);
  const look = async (): Promise<Snapshot> => {
    const snapshot = await readSnapshot(session, options.runId, seen);
    seen = snapshot.events.at(-1)?.sequence ?? seen;
    const retries = await retriesOf(snapshot);
    reporter.show(retries === undefined ? snapshot : { ...snapshot, retries });
    return snapshot;
  };
  try {
    for (;;) {
      const snapshot = await look();
      if (interrupt.signal.aborted) break;
      if (until(snapshot) && snapshot.run.version !== declined) {
        if (!(await approvedNow(session, options, snapshot))) {
          if (!staysForLock(session, options, snapshot)) break;
          // Asked once: the answer holds until the run changes.
          declined = snapshot.run.version;
        }
      }
      if (options.drive && session.drive !== undefined && driver?.alive !== true) {
        driver?.check();
        await driver?.stop();
        driver = await session.drive(options.runId);
      }
      tellDecision(snapshot);
      await session.world.clock.sleep(session.pollMs, interrupt.signal);
    }
    await driver?.stop();
    driver = undefined;
    return await look();
  } finally {
    await driver?.stop();
    reporter.end();
  }
}

/** Somebody at a terminal may decide in a second one; nobody else would ever learn that there is something to decide. */
function isEnough({ world }: Session, { run, control }: Snapshot): boolean {
  return needsPerson(run, control) || (!canAsk(world) && waitsForDecision(run, control));
}

/** Says how to decide when a run begins to wait for it and is gone along with all the same. Looking again begins no wait. */
function decisionTeller(session: Session, reporter: Reporter): (snapshot: Snapshot) => void {
  const { world, flags } = session;
  let told: string | undefined;
  return ({ run, control }) => {
    if (flags.output === "json" || !waitsForDecision(run, control)) return;
    const wait = `${run.stage ?? ""} ${run.waiting?.message ?? ""}`;
    if (wait === told) return;
    told = wait;
    reporter.pause();
    world.stderr.write(`next: ${commandLine(session, "conflicts", run.runId)}\n`);
  };
}

/** Every open batch is read for it, so that is done now and then only. */
function retriesWatch({ store }: Session): (snapshot: Snapshot) => Promise<Retries | undefined> {
  let known: Retries | undefined;
  let readAt = -Infinity;
  return async ({ run, stages, now }) => {
    if (now - readAt >= RETRIES_EVERY_MS) {
      known = await readRetries(store, run, stages);
      readAt = now;
    }
    return known?.stage === run.stage ? known : undefined;
  };
}

/** Whoever wants a lock to end in time has to have somebody at work until then. */
function staysForLock(session: Session, { drive }: AccompanyOptions, { run, control }: Snapshot): boolean {
  const migration = session.world.migrations.find(({ name }) => name === run.migration);
  const policy = migration?.lockPolicy?.(run.options) ?? DEFAULT_LOCK_POLICY;
  return drive && session.drive !== undefined && goesBackByItself(run, control, policy);
}

/** Asks for the approval that the run waits for. True when it is given, or the run goes on without. */
async function approvedNow(
  session: Session,
  options: AccompanyOptions,
  { run, control }: Snapshot,
): Promise<boolean> {
  const { world, actions } = session;
  const subject = run.waiting?.subject;
  if (!options.mayAsk || !canAsk(world)) return false;
  if (run.waiting?.reason !== "Approval" || subject === undefined || subject === control.stopBefore)
    return false;
  options.reporter.pause();
  const moved = new AbortController();
  const watching = watchUntilMoved(session, run, moved);
  const asked = { explanation: run.waiting.message, question: `Approve "${subject}" and go on? [y/N] ` };
  const answer = await ask(world, asked, {
    signal: AbortSignal.any([moved.signal, options.interrupt.signal]),
    onInterrupt: () => {
      options.interrupt.request();
    },
  });
  const elsewhere = moved.signal.aborted;
  moved.abort();
  await watching;
  if (elsewhere) return true;
  if (!isYes(answer)) return false;
  await actions.approve(run.runId, world.user, subject, run.waiting.fingerprint);
  return true;
}

/** Aborts `moved` when somebody else makes the run go on while a question is open here. */
async function watchUntilMoved(session: Session, asked: RunRecord, moved: AbortController): Promise<void> {
  while (!moved.signal.aborted) {
    const { run, control } = await readSnapshot(session, asked.runId, Number.MAX_SAFE_INTEGER);
    // It may have come to its next stop already.
    if (!needsPerson(run, control) || run.version !== asked.version) moved.abort();
    await session.world.clock.sleep(session.pollMs, moved.signal);
  }
}
