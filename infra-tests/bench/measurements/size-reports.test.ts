import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "../options.ts";
import { lockMeasurement } from "./lock.ts";
import { memoryMeasurement } from "./memory.ts";
import type { SizeRun } from "./size-runs.ts";

const MIB = 1024 ** 2;
const options = parseOptions(["etcd", "--sizes", "1000,50000"]);

function run(resources: number, windowMs: number, peakMib: number): SizeRun {
  const stages = ["lock", "catch-up", "verify-changes", "final-catch-up", "verify-revisions", "unlock"].map(
    (stage) => ({
      stage,
      ms: 10,
      total: 0,
      startedAt: 0,
    }),
  );
  return {
    ...{
      resources,
      round: 1,
      stages,
      quietMs: 2000,
      changedInTime: true,
      caughtUp: 100,
      runMs: 1,
      wallMs: 1,
    },
    lock: { windowMs, rolloutMs: 700 },
    load: { load1: 0, busy: 0 },
    peakRssBytes: peakMib * MIB,
    nodeFlags: [],
  };
}

test("the lock goal compares the medians of the largest and the smallest size, the quiet time included", () => {
  const runs = [run(1000, 2000, 1), run(1000, 2400, 1), run(1000, 9000, 1), run(50_000, 3600, 1)];
  const { goals, notes } = lockMeasurement(options, runs);
  assert.deepEqual(
    goals.map(({ value, met }) => [value, met]),
    [
      [1.5, true],
      [2.4, true],
      [3.6, true],
    ],
  );
  assert.ok(
    notes.some((note) => note.endsWith("is 4.00")),
    "without the quiet time the ratio is another, and is told",
  );
});

test("a lock window that grows is told as missed", () => {
  assert.equal(lockMeasurement(options, [run(1000, 2400, 1), run(50_000, 3700, 1)]).goals[0]?.met, false);
});

test("a lock window of more than six seconds is told as missed, whatever its growth", () => {
  const { goals } = lockMeasurement(options, [run(1000, 6100, 1), run(50_000, 6200, 1)]);
  assert.deepEqual(
    goals.map(({ met }) => met),
    [true, false, false],
  );
});

test("changes that came late are told", () => {
  const late = { ...run(50_000, 2400, 1), changedInTime: false };
  const { notes } = lockMeasurement(options, [run(1000, 2400, 1), late]);
  assert.ok(notes.some((note) => note.includes("50,000") && note.startsWith("changes were still")));
});

test("a window in which the changes were not caught up meets no goal, however short it was", () => {
  const idle = { ...run(50_000, 2000, 1), caughtUp: 0 };
  const { goals, notes } = lockMeasurement(options, [run(1000, 2000, 1), idle]);
  assert.equal(goals[0]?.met, false);
  assert.ok(notes.some((note) => note.endsWith("no verdict on the goal")));
});

test("memory has to be flat, and every single run below the limit", () => {
  const flat = memoryMeasurement(options, [run(1000, 1, 210), run(50_000, 1, 250)]);
  assert.deepEqual(
    flat.goals.map(({ met }) => met),
    [true, true],
  );
  const grown = memoryMeasurement(options, [run(1000, 1, 200), run(50_000, 1, 251)]);
  assert.deepEqual(
    grown.goals.map(({ met }) => met),
    [false, false],
  );
});
