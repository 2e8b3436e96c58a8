import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aRun } from "./contract/fixtures.ts";
import {
  DEFAULT_LOCK_POLICY,
  isBeforeUnlock,
  openLock,
  toLock,
  toOverdue,
  withLockWake,
  withPersonTime,
} from "./lock.ts";
import type { LockState, RunRecord } from "./records.ts";
import type { Transition } from "./transitions.ts";

const NOW = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

/** A run after it was told these states of its lock, a minute apart. */
function told(...states: readonly LockState[]): Transition {
  return states.reduce<Transition>(
    (from, state, index) =>
      toLock(from, { state, datastore: "etcd", data: {}, policy: DEFAULT_LOCK_POLICY }, NOW + index * MINUTE),
    { run: aRun({ state: "Running" }), events: [] },
  );
}

function conditionOf({ run }: Transition) {
  return run.conditions.find(({ type }) => type === "DatastoreLocked");
}

function eventTypes({ events }: Transition): string[] {
  return events.map(({ type }) => type);
}

describe("the condition DatastoreLocked", () => {
  for (const [states, status, reason] of [
    [["locking"], "Unknown", "Locking"],
    [["locking", "locked"], "True", "Locked"],
    [["locking", "locked", "unlocking"], "Unknown", "Unlocking"],
    [["locking", "locked", "unlocking", "unlocked"], "False", "Unlocked"],
  ] as const) {
    test(`is ${status} after ${states.join(", ")}`, () => {
      const condition = conditionOf(told(...states));
      assert.deepEqual([condition?.status, condition?.reason], [status, reason]);
      assert.match(
        condition?.message ?? "",
        /^(perhaps )?locked (since|from) 2026-01-01T00:00:00.000Z.*etcd/,
      );
    });
  }

  test("is absent where nothing was ever locked", () => {
    assert.equal(conditionOf(told("unlocking", "unlocked")), undefined);
  });

  test("is True again for a lock whose lifting was refused", () => {
    const again = told("locking", "locked", "unlocking", "locked");
    assert.equal(conditionOf(again)?.status, "True");
    assert.equal(again.run.lock?.since, NOW);
  });
});

describe("the events of a lock", () => {
  test("come once each, however often a stage tells", () => {
    const states = [
      "locking",
      "locking",
      "locked",
      "locking",
      "locked",
      "unlocking",
      "unlocked",
      "unlocked",
    ] as const;
    assert.deepEqual(eventTypes(told(...states)), ["datastore.locked", "datastore.unlocked"]);
  });

  test("are not there for a lock that was refused", () => {
    assert.deepEqual(eventTypes(told("locking", "unlocked")), []);
  });

  test("tell of each lock", () => {
    const twice = told("locked", "unlocked", "locked", "unlocked");
    assert.equal(eventTypes(twice).length, 4);
    assert.equal(twice.run.lock?.since, NOW + 2 * MINUTE);
  });
});

test("a run is before the unlock until that may have been written, and on the way forward alone", () => {
  const before = (...states: readonly LockState[]): boolean => isBeforeUnlock(told(...states).run);
  assert.deepEqual([before(), before("locking"), before("locked")], [false, true, true]);
  assert.deepEqual([before("locked", "unlocking"), before("locked", "unlocked")], [false, false]);
  assert.equal(isBeforeUnlock({ ...told("locked").run, track: "rollback" }), false);
});

test("the time that a run waits for a person is counted while it is locked, and no other", () => {
  const waiting = (reason: "Approval" | "Gate"): Partial<RunRecord> => ({
    state: "Waiting",
    waiting: { reason, message: "" },
  });
  const { run } = told("locked");
  const { waiting: _, ...running } = { ...run, state: "Running" as const };
  let seen = withPersonTime({ ...run, ...waiting("Gate") }, NOW + MINUTE);
  seen = withPersonTime({ ...seen, ...waiting("Approval") }, NOW + 2 * MINUTE);
  seen = withPersonTime({ ...seen, ...waiting("Approval") }, NOW + 3 * MINUTE);
  seen = withPersonTime({ ...running, lock: seen.lock ?? assert.fail() }, NOW + 5 * MINUTE);
  seen = withPersonTime({ ...seen, state: "Failed" }, NOW + 6 * MINUTE);
  const until = { ...(seen.lock ?? assert.fail()), state: "unlocked" as const, until: NOW + 7 * MINUTE };
  seen = withPersonTime({ ...running, lock: until }, NOW + 7 * MINUTE);
  assert.deepEqual([seen.lock?.forPersonMs, seen.lock?.forPersonSince], [4 * MINUTE, undefined]);
});

describe("a run that is locked for too long", () => {
  test("is looked at when the time has come, if not before", () => {
    const { run } = told("locked");
    const wakeAt = (over: Partial<RunRecord>): number | undefined =>
      withLockWake({ ...run, ...over }).nextWakeAt;
    const budget = NOW + DEFAULT_LOCK_POLICY.maxLockMs;
    assert.deepEqual([wakeAt({}), wakeAt({ nextWakeAt: NOW + 1 })], [budget, NOW + 1]);
    assert.equal(wakeAt({ nextWakeAt: budget + 1 }), budget);
    assert.equal(withLockWake(aRun({ nextWakeAt: 5 })).nextWakeAt, 5);
    assert.equal(withLockWake({ ...told("locked", "unlocked").run }).nextWakeAt, undefined);
  });

  test("is warned of again and again, at longer and longer intervals up to an hour", () => {
    let at = NOW + 10 * MINUTE;
    let run = told("locked").run;
    const minutes: number[] = [];
    for (let warnings = 0; warnings < 12; warnings++) {
      const warned = toOverdue({ run, events: [] }, DEFAULT_LOCK_POLICY, at);
      assert.deepEqual(warned.events[0]?.data["lockedMs"], at - NOW);
      run = warned.run;
      const next = openLock(run)?.lookAt ?? 0;
      minutes.push(Math.round((next - at) / MINUTE));
      at = next;
    }
    assert.deepEqual(minutes.slice(0, 4), [5, 8, 11, 17]);
    assert.equal(minutes.at(-1), 60);
  });
});
