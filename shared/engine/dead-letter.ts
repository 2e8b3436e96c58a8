import { HeldLease } from "./held-lease.ts";
import { batchLease, runLease } from "./lease-names.ts";
import { isBeforeUnlock, withLockWake, withPersonTime } from "./lock.ts";
import type { WorkMessage } from "./ports.ts";
import type { BatchRef, Condition, Failure, RunControl, RunRecord } from "./records.ts";
import { isEnd } from "./records.ts";
import type { EngineParts } from "./settings.ts";
import { isSettled } from "./settled.ts";
import { announce, toFailed, type Transition, WAKE_AFTER_MS } from "./transitions.ts";

/** A message that was given up. */
export interface DeadLetter {
  /** The queue that gave it up. */
  queue: string;
  messageId: string;
  /** How often it was delivered. */
  receives: number;
  /** The run that it names. */
  runId: string;
  /** What it asked for; absent where that cannot be understood or is no work. */
  work?: WorkMessage;
}

/** `abandoned`: its run has failed with WORK_ABANDONED. `told`: only an event. `busy`: look again. `unknown`: no such run. */
export type DeadLetterOutcome = "abandoned" | "told" | "busy" | "unknown";

type Parts = Pick<EngineParts<never>, "store" | "events" | "clock" | "holder" | "leaseTtlMs">;

const EVENTS_AT_ONCE = 100;

/**
 * Writes into a run that one of its messages was given up. Where nobody else does that work, the run fails with
 * WORK_ABANDONED, so that it does not seem to go on; `resume` sends it all again. Otherwise only the event
 * `message.dead-lettered` tells of it, with the condition `DeadLettered` for what could not be understood.
 */
export async function recordDeadLetter(parts: Parts, letter: DeadLetter): Promise<DeadLetterOutcome> {
  const { store } = parts;
  if ((await store.getRun(letter.runId)) === undefined) return "unknown";
  await using lease = await take(parts, runLease(letter.runId));
  if (lease === undefined) return "busy";
  const run = await store.getRun(letter.runId);
  const control = await store.getControl(letter.runId);
  if (run === undefined || control === undefined) return "unknown";
  const owed = await isOwed(parts, letter.work, run, control);
  if (owed === "busy") return "busy";
  await save(parts, lease, (now) => transition({ run, control, letter, owed, now }));
  return owed ? "abandoned" : "told";
}

/** Whether nobody has done, or is doing, the work that a message asked for. */
async function isOwed(
  parts: Parts,
  work: WorkMessage | undefined,
  run: RunRecord,
  control: RunControl,
): Promise<boolean | "busy"> {
  if (work === undefined || isEnd(run.state)) return false;
  if (work.type === "run.advance") return isLate(run, control, parts.clock.now());
  if (run.state === "Failed" || control.pause) return false;
  return work.track === run.track && work.stage === run.stage && isAbandoned(parts, work);
}

/** A run that is advanced in time is saved: it is settled then, or its wake-up lies in the future. */
function isLate(run: RunRecord, control: RunControl, now: number): boolean {
  return !isSettled(run, control) && (run.nextWakeAt ?? 0) <= now;
}

async function isAbandoned(parts: Parts, ref: BatchRef): Promise<boolean | "busy"> {
  if ((await parts.store.getBatch(ref))?.state !== "open") return false;
  await using lease = await take(parts, batchLease(ref));
  if (lease === undefined) return "busy";
  const batch = await parts.store.getBatch(ref);
  // A batch that has failed for good (`stuck`) has told its run already.
  return batch?.state === "open" && !batch.stuck;
}

interface Facts {
  run: RunRecord;
  control: RunControl;
  letter: DeadLetter;
  owed: boolean;
  now: number;
}

function transition({ run, control, letter, owed, now }: Facts): Transition {
  const { queue, messageId, receives, work } = letter;
  const told = announce({ run, events: [] }, "message.dead-lettered", { queue, messageId, receives }, now);
  if (!owed) return work === undefined ? withCondition(told, letter, now) : told;
  const retriesSeen = control.retries;
  const failed = toFailed({ ...told, run: { ...told.run, retriesSeen } }, abandoned(letter), now);
  // Inside the lock it may have to go back: whoever advances it looks at that.
  return isBeforeUnlock(failed.run) ? { ...failed, run: { ...failed.run, nextWakeAt: now } } : failed;
}

function abandoned({ queue, messageId, receives, runId, work }: DeadLetter): Failure {
  const what = work?.type === "batch.work" ? `batch ${work.batch} of ${work.stage}` : "the run's next step";
  return {
    code: "WORK_ABANDONED",
    message: `${what} was given up after ${receives} deliveries: message ${messageId} of the queue ${queue}`,
    next: `Look for the message's id in the function's log and mend the cause; then \`calico-migrator resume ${runId}\` sends the work again.`,
  };
}

function withCondition(from: Transition, { queue, messageId }: DeadLetter, now: number): Transition {
  const condition: Condition = {
    type: "DeadLettered",
    status: "True",
    reason: "NotHandled",
    message: `message ${messageId} of the queue ${queue} could not be handled`,
    lastTransitionTime: new Date(now).toISOString(),
  };
  const others = from.run.conditions.filter(({ type }) => type !== condition.type);
  return { ...from, run: { ...from.run, conditions: [...others, condition] } };
}

/** Saves a change, then gives its events to the sink. What the sink does not take, it is given when the run is woken. */
async function save(
  { store, events, clock }: Parts,
  lease: HeldLease,
  change: (now: number) => Transition,
): Promise<void> {
  const now = clock.now();
  const { run, events: told } = change(now);
  const held = withPersonTime({ ...run, updatedAt: now }, now);
  const wakeful = withLockWake({ ...held, nextWakeAt: run.nextWakeAt ?? now + WAKE_AFTER_MS });
  const saved = await store.saveRun(wakeful, lease.current, told);
  const due = await store.listEvents({
    runId: run.runId,
    after: saved.eventsDelivered,
    limit: EVENTS_AT_ONCE,
  });
  const eventsDelivered = due.at(-1)?.sequence ?? saved.eventsDelivered;
  const delivered = await events.emit(due).then(
    () => eventsDelivered === saved.eventSequence,
    () => false,
  );
  if (!delivered) return;
  const { nextWakeAt: _, ...rest } = saved;
  const { nextWakeAt } = run;
  const asleep = nextWakeAt === undefined ? {} : { nextWakeAt };
  await store.saveRun(withLockWake({ ...rest, eventsDelivered, ...asleep }), lease.current, []);
}

function take(parts: Parts, name: string): Promise<HeldLease | undefined> {
  const { holder, leaseTtlMs: ttlMs } = parts;
  return HeldLease.take(parts, { name, holder, ttlMs, signal: new AbortController().signal });
}
