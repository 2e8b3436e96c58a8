import type { BenchOptions } from "../options.ts";
import { timeOf } from "../migrator/records.ts";
import { atMost } from "../report/goals.ts";
import type { Measurement } from "../report/measurement.ts";
import { median } from "../report/statistics.ts";
import { figure, range, seconds } from "../report/table.ts";
import { CHANGES, ofSize, type SizeRun } from "./size-runs.ts";

const GROWTH_GOAL = 1.5;
/** Seconds, undisturbed. */
const WINDOW_GOAL = 6;
const PARTS = ["lock", "catch-up", "verify-changes", "final-catch-up", "verify-revisions", "unlock"];

/** How long the datastore was locked at each size. */
export function lockMeasurement({ sizes }: BenchOptions, runs: readonly SizeRun[]): Measurement {
  const windows = sizes.map((size) => median(ofSize(runs, size).map(windowOf)));
  const working = sizes.map((size) => median(ofSize(runs, size).map((run) => windowOf(run) - run.quietMs)));
  // A window in which nothing had to be caught up says nothing about the goal.
  const incomplete = runs.some(({ caughtUp }) => caughtUp < CHANGES);
  const growth = (values: readonly number[]): number => (values.at(-1) ?? NaN) / (values[0] ?? NaN);
  return {
    name: "lock",
    title: `Lock window with ${CHANGES} changes made during the pre-copy (seconds; the window: smallest / median / largest, the rest: medians)`,
    tables: [
      {
        head: ["resources", "window", "of it quiet", "window without it", "rollout", "caught up", ...PARTS],
        rows: sizes.map((size) => row(size, ofSize(runs, size))),
      },
    ],
    goals: [
      atMost(`lock window of ${largestOverSmallest(sizes)}`, incomplete ? NaN : growth(windows), GROWTH_GOAL),
      ...sizes.map((size, index) =>
        atMost(
          `lock window in seconds, ${figure(size)} resources`,
          (windows[index] ?? NaN) / 1000,
          WINDOW_GOAL,
        ),
      ),
    ],
    notes: [
      "the window is from the lock to ready for the switch, plus the unlock; the rollout stands apart, and final-catch-up and verify-revisions are within it",
      "what changed during the pre-copy is carried before the lock, what comes later inside it",
      "quiet is how long the locked source has to stay unchanged, whatever the size",
      `without the quiet time, ${largestOverSmallest(sizes)} is ${figure(growth(working), 2)}`,
      ...lateNote(runs),
      ...(incomplete ? ["the catch-up did not carry all changes in every run: no verdict on the goal"] : []),
    ],
    data: JSON.parse(JSON.stringify({ changes: CHANGES, runs })) as Measurement["data"],
  };
}

/** The lock window of a run that has ended. Milliseconds. */
function windowOf({ lock }: SizeRun): number {
  return lock?.windowMs ?? NaN;
}

function row(size: number, runs: readonly SizeRun[]): string[] {
  const middle = (of: (run: SizeRun) => number): string => seconds(median(runs.map(of)));
  return [
    figure(size),
    range(
      runs.map((run) => windowOf(run) / 1000),
      2,
    ),
    middle(({ quietMs }) => quietMs),
    middle((run) => windowOf(run) - run.quietMs),
    middle(({ lock }) => lock?.rolloutMs ?? NaN),
    figure(median(runs.map(({ caughtUp }) => caughtUp))),
    ...PARTS.map((part) => middle((run) => timeOf(run, part).ms)),
  ];
}

function largestOverSmallest(sizes: readonly number[]): string {
  return `${figure(sizes.at(-1) ?? NaN)} resources over that of ${figure(sizes[0] ?? NaN)}`;
}

function lateNote(runs: readonly SizeRun[]): string[] {
  const late = runs.filter(({ changedInTime }) => !changedInTime).map(({ resources }) => figure(resources));
  return late.length === 0
    ? []
    : [`changes were still being made when the pre-copy had ended: ${late.join(", ")}`];
}
