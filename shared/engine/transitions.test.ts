import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aRun } from "./contract/fixtures.ts";
import type { RunRecord } from "./records.ts";
import { announce, toEnd, toFailed, toRunning, toStage, toWaiting, type Transition } from "./transitions.ts";

const NOW = Date.UTC(2026, 0, 1);
const FAILURE = { code: "BROKEN", message: "it broke", next: "Mend it." };

function from(over: Partial<RunRecord> = {}): Transition {
  return { run: aRun(over), events: [] };
}

function conditionOf({ run }: Transition, type: string): { status: string; reason: string; since: string } {
  const found = run.conditions.find((condition) => condition.type === type);
  assert.ok(found, `no condition ${type}`);
  return { status: found.status, reason: found.reason, since: found.lastTransitionTime };
}

function eventTypes({ events }: Transition): string[] {
  return events.map(({ type }) => type);
}

describe("transitions", () => {
  test("events are numbered on from the run's last one, without gaps", () => {
    const once = announce(from({ eventSequence: 7 }), "first", {}, NOW);
    const twice = announce(once, "second", { why: "because" }, NOW + 1);

    assert.deepEqual(twice.events, [
      { runId: "r1", sequence: 8, type: "first", time: NOW, data: {} },
      { runId: "r1", sequence: 9, type: "second", time: NOW + 1, data: { why: "because" } },
    ]);
    assert.equal(twice.run.eventSequence, 9);
  });

  test("none of them changes what it was given", () => {
    const before = from({ state: "Running", stage: "copy" });
    const copy = structuredClone(before);

    toRunning(before, NOW);
    toWaiting(before, { reason: "Gate", message: "not yet" }, NOW + 1, NOW);
    toFailed(before, FAILURE, NOW);
    toEnd(before, "Succeeded", NOW);
    toStage(before, "lock");

    assert.deepEqual(before, copy);
  });

  test("a run that goes on forgets what held it back, and says so once", () => {
    const waiting = { reason: "Gate", message: "not yet" } as const;
    const on = toRunning(from({ state: "Waiting", waiting, nextWakeAt: NOW }), NOW);

    assert.equal(on.run.state, "Running");
    assert.equal(on.run.waiting, undefined);
    assert.deepEqual(eventTypes(on), ["run.continued"]);
    assert.deepEqual(eventTypes(toRunning({ ...on, events: [] }, NOW)), []);
  });

  test("a run that goes on is looked at again later, whatever becomes of its messages", () => {
    const { nextWakeAt } = toRunning(from({ state: "Waiting", nextWakeAt: NOW - 5 }), NOW).run;

    assert.ok(nextWakeAt !== undefined && nextWakeAt > NOW, String(nextWakeAt));
  });

  test("a run that is undone goes on as RollingBack", () => {
    assert.equal(toRunning(from({ track: "rollback" }), NOW).run.state, "RollingBack");
  });

  test("waiting is announced again only for another reason or message", () => {
    const first = toWaiting(from(), { reason: "Gate", message: "1 of 2" }, NOW + 5, NOW);
    const same = toWaiting({ ...first, events: [] }, { reason: "Gate", message: "1 of 2" }, NOW + 9, NOW);
    const other = toWaiting({ ...first, events: [] }, { reason: "Gate", message: "2 of 2" }, NOW + 9, NOW);
    const reason = toWaiting({ ...first, events: [] }, { reason: "Backoff", message: "1 of 2" }, 0, NOW);

    assert.deepEqual(eventTypes(first), ["run.waiting"]);
    assert.deepEqual(eventTypes(same), []);
    assert.equal(same.run.nextWakeAt, NOW + 9);
    assert.deepEqual(eventTypes(other), ["run.waiting"]);
    assert.deepEqual(eventTypes(reason), ["run.waiting"]);
  });

  test("waiting for a person sets no alarm", () => {
    const waiting = { reason: "Approval", message: "may I?", subject: "unlock" } as const;
    const { run } = toWaiting(from({ nextWakeAt: NOW, failure: FAILURE }), waiting, undefined, NOW);

    assert.equal(run.nextWakeAt, undefined);
    assert.equal(run.failure, undefined);
    assert.deepEqual(run.waiting, waiting);
  });

  test("a failed run keeps why, and neither waits nor wakes", () => {
    const failed = toFailed(from({ state: "Running", stage: "copy", nextWakeAt: NOW }), FAILURE, NOW);

    assert.equal(failed.run.state, "Failed");
    assert.deepEqual(failed.run.failure, FAILURE);
    assert.equal(failed.run.nextWakeAt, undefined);
    assert.deepEqual(failed.events[0]?.data, { ...FAILURE, stage: "copy" });
  });

  test("an ended run has no stage, lets its cluster go, and has an end time", () => {
    const ended = toEnd(
      from({ state: "Running", stage: "report", holdsCluster: true, nextWakeAt: 1 }),
      "Succeeded",
      NOW,
    );

    assert.equal(ended.run.stage, undefined);
    assert.equal(ended.run.holdsCluster, false);
    assert.equal(ended.run.finishedAt, NOW);
    assert.equal(ended.run.nextWakeAt, undefined);
    assert.deepEqual(ended.events[0]?.data, { state: "Succeeded" });
  });

  test("entering a stage starts counting its tries anew", () => {
    assert.deepEqual(
      toStage(from({ stage: "copy", attempt: 2 }), "lock").run,
      aRun({ stage: "lock", attempt: 0 }),
    );
  });
});

describe("conditions", () => {
  test("the transition time moves only when the status changes", () => {
    const started = toRunning(from(), NOW);
    const waited = toWaiting(started, { reason: "Gate", message: "a" }, undefined, NOW + 1_000);
    const waitedOn = toWaiting(waited, { reason: "Gate", message: "b" }, undefined, NOW + 2_000);

    assert.deepEqual(conditionOf(started, "Progressing"), {
      status: "True",
      reason: "Running",
      since: "2026-01-01T00:00:00.000Z",
    });
    assert.deepEqual(conditionOf(waitedOn, "Progressing"), {
      status: "False",
      reason: "Gate",
      since: "2026-01-01T00:00:01.000Z",
    });
  });

  test("there is one of each type", () => {
    const types = toRunning(toFailed(toRunning(from(), NOW), FAILURE, NOW), NOW).run.conditions.map(
      ({ type }) => type,
    );

    assert.deepEqual(types, [...new Set(types)]);
  });

  test("a failed run is degraded and makes no progress, until it goes on", () => {
    const failed = toFailed(toRunning(from(), NOW), FAILURE, NOW);
    const resumed = toRunning(failed, NOW + 1);

    assert.equal(conditionOf(failed, "Degraded").status, "True");
    assert.equal(conditionOf(failed, "Degraded").reason, "BROKEN");
    assert.equal(conditionOf(failed, "Progressing").status, "False");
    assert.equal(conditionOf(resumed, "Degraded").status, "False");
    assert.equal(conditionOf(resumed, "Progressing").status, "True");
  });

  test("a run that never failed says nothing of degradation", () => {
    assert.deepEqual(
      toRunning(from(), NOW).run.conditions.map(({ type }) => type),
      ["Progressing"],
    );
  });

  test("a complete run makes no progress, and is not complete any more once it is undone", () => {
    const ended = toEnd(toRunning(from(), NOW), "Succeeded", NOW);
    const turned = toRunning({ ...ended, run: { ...ended.run, track: "rollback" } }, NOW + 1);

    assert.equal(conditionOf(ended, "Complete").status, "True");
    assert.equal(conditionOf(ended, "Progressing").status, "False");
    assert.equal(conditionOf(turned, "Complete").status, "False");
    assert.equal(conditionOf(turned, "Progressing").status, "True");
  });
});
