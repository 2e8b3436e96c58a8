import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { failureOf } from "./backoff.ts";
import { isBeforeUnlock } from "./lock.ts";
import type { Stage, WaitRequest } from "./migration.ts";
import type { BatchRecord, Failure, RunRecord, StageRecord } from "./records.ts";

/** How long a stage may be held up at a stretch inside the lock, where it does not say. Milliseconds. */
export const HELD_MS = 60_000;

/**
 * Throws GATE_DEADLINE where a stage has waited for too long for anything but a person: a gate with a deadline of its own for
 * that, any other stage as long as pods wait for the unlock.
 */
export function refuseOverdue<C>(
  stage: Stage<C, JsonObject>,
  run: RunRecord,
  { record, wait, now }: { record: StageRecord; wait: WaitRequest; now: number },
): void {
  if (wait.reason !== "Gate") return;
  const own = stage.kind === "gate" ? stage.deadlineMs?.(run.options) : undefined;
  if (own !== undefined) {
    // What a person took before that does not count.
    const since = Math.max(record.startedAt, run.resumedAt ?? 0, run.heldSince ?? now);
    if (now - since >= own)
      throw overdue(`${stage.name} did not pass within ${Math.round(own / 1000)} s: ${wait.message}`);
    return;
  }
  const failure = heldTooLong(stage, run, { since: run.heldSince ?? now, message: wait.message, now });
  if (failure !== undefined) throw failure;
}

/** The run that is about to wait, with the time since which it is held up. */
export function withHeldSince(run: RunRecord, { reason }: WaitRequest, now: number): RunRecord {
  if (reason !== "Gate") return withoutHeldSince(run);
  return run.heldSince === undefined ? { ...run, heldSince: now } : run;
}

/** The run, no longer held up. */
export function withoutHeldSince(run: RunRecord): RunRecord {
  const { heldSince: _, ...rest } = run;
  return rest;
}

/** A batch of which nothing could be done this time: it is stuck once that has lasted for too long inside the lock. */
export function heldBatch<C>(
  stage: Stage<C, JsonObject>,
  run: RunRecord,
  { batch, held, now }: { batch: BatchRecord; held: Failure; now: number },
): Pick<BatchRecord, "attempts" | "failure" | "stuck"> {
  const heldSince = batch.failure?.heldSince ?? now;
  const attempts = batch.attempts + 1;
  const late = heldTooLong(stage, run, { since: heldSince, message: held.message, now });
  return late === undefined
    ? { attempts, failure: { ...held, heldSince }, stuck: false }
    : { attempts, failure: failureOf(late), stuck: true };
}

/** What was before the lock was taken, or before a person resumed the run, does not count. */
function heldTooLong<C>(
  stage: Stage<C, JsonObject>,
  run: RunRecord,
  { since, message, now }: { since: number; message: string; now: number },
): MigratorError | undefined {
  if (!isBeforeUnlock(run)) return undefined;
  const most = stage.heldMs?.(run.options) ?? HELD_MS;
  const from = Math.max(since, run.lock?.since ?? 0, run.resumedAt ?? 0);
  if (now - from < most) return undefined;
  const seconds = Math.round((now - from) / 1000);
  return overdue(`${stage.name} was held up for ${seconds} s, with the datastore locked: ${message}`);
}

function overdue(message: string): MigratorError {
  return new MigratorError("GATE_DEADLINE", message, {
    next: "Mend what it waits for, then `resume`; or undo the run with `rollback`.",
  });
}
