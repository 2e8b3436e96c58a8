import type { JsonObject } from "../../../shared/json.ts";
import { memoryMeasurement } from "../measurements/memory.ts";
import { timeOf } from "../migrator/records.ts";
import type { CrdsBenchOptions } from "../options.ts";
import {
  type CopyRound,
  copyGoals,
  copyNotes,
  copyRoundsTable,
  type CopySize,
} from "../report/copy-rounds.ts";
import { atMost } from "../report/goals.ts";
import type { Measurement } from "../report/measurement.ts";
import { median, perSecond } from "../report/statistics.ts";
import { figure, range, seconds, type Table } from "../report/table.ts";
import { lockWindowOf } from "./migrator.ts";
import { CHANGES, type NativeRound, type NativeRuns, roundsOf } from "./runs.ts";

const GROWTH_GOAL = 1.5;
/** Seconds, undisturbed; what was changed right before it is the work of the window here. */
const WINDOW_GOAL = 6;
const LOCK_STAGES = [
  ...["lock", "hold-operator", "release-new-owners", "catch-up", "remove-apiservice", "catch-up-last"],
  ...["verify-changes", "switch", "unlock"],
];

/** The speed of the pre-copy at each size, against that of the bare loop. */
export function copyReport({ sizes }: CrdsBenchOptions, runs: NativeRuns): Measurement {
  const bySize = sizes.map((size): CopySize => ({ size, rounds: roundsOf(runs, size).flatMap(pairOf) }));
  return {
    name: "copy",
    title: "Copy to native objects, with durable checkpoints",
    tables: [copyRoundsTable(bySize), stagesTable(sizes, runs)],
    goals: copyGoals(bySize),
    notes: [
      "the bare loop lists the old group and creates native objects through the second version, as the pre-copy does",
      ...copyNotes(bySize),
    ],
    data: dataOf({ sizes: bySize, ...runs }),
  };
}

/** How long the datastore was locked at each size. */
export function lockReport({ sizes }: CrdsBenchOptions, runs: NativeRuns): Measurement {
  const windows = sizes.map((size) => middleOf(runs, size, windowOf));
  const working = sizes.map((size) => middleOf(runs, size, (round) => windowOf(round) - round.ours.quietMs));
  // A window in which nothing had to be caught up says nothing about the goal.
  const isIncomplete = runs.rounds.some(({ ours }) => ours.caughtUp < CHANGES);
  const growth = (values: readonly number[]): number => (values.at(-1) ?? NaN) / (values[0] ?? NaN);
  const largestOverSmallest = `${figure(sizes.at(-1) ?? NaN)} resources over that of ${figure(sizes[0] ?? NaN)}`;
  return {
    name: "lock",
    title: `Lock window with ${CHANGES} changes made right before it (seconds; the window: smallest / median / largest, the rest: medians)`,
    tables: [lockTable(sizes, runs)],
    goals: [
      atMost(`lock window of ${largestOverSmallest}`, isIncomplete ? NaN : growth(windows), GROWTH_GOAL),
      ...sizes.map((size, index) =>
        atMost(
          `lock window in seconds, ${figure(size)} resources`,
          (windows[index] ?? NaN) / 1000,
          WINDOW_GOAL,
        ),
      ),
    ],
    notes: [
      "the window is from the lock of both groups to the unlock of the native one; the rollout comes after it",
      "the stage `lock` begins with what is rehearsed before it, which is no part of the window",
      "quiet is how long the locked old group has to stay unchanged, whatever the size",
      `without the quiet time, ${largestOverSmallest} is ${figure(growth(working), 2)}`,
      ...(isIncomplete ? ["not every run had all changes to catch up: no verdict on the goal"] : []),
    ],
    data: dataOf({ changes: CHANGES, runs: runs.rounds.map(({ ours }) => ours) }),
  };
}

/** How much memory the migrator's process needed at each size. */
export function memoryReport(options: CrdsBenchOptions, runs: NativeRuns): Measurement {
  return memoryMeasurement(
    { ...options, only: ["memory"] },
    runs.rounds.map(({ ours }) => ours),
  );
}

/** The lock window of a round's migration. Milliseconds. */
export function windowOf({ ours }: NativeRound): number {
  return lockWindowOf(ours);
}

/** Resources a second of a round's copy. */
export function copyRateOf({ ours }: NativeRound): number {
  const { total, ms } = timeOf(ours, "pre-copy");
  return perSecond(total, ms);
}

/** All that was measured, as it is written to a file. */
export function dataOf(data: object): JsonObject {
  return JSON.parse(JSON.stringify(data)) as JsonObject;
}

function pairOf(round: NativeRound): CopyRound[] {
  const { ours, ceiling } = round;
  if (ceiling === undefined) return [];
  const same = timeOf(ours, "pre-copy").total === ceiling.writes;
  return [{ ours: copyRateOf(round), theirs: perSecond(ceiling.writes, ceiling.ms), same }];
}

function stagesTable(sizes: readonly number[], runs: NativeRuns): Table {
  const stages = runs.rounds[0]?.ours.stages ?? [];
  return {
    head: ["stage of the run, s", ...sizes.map((size) => figure(size))],
    rows: stages.map(({ stage }) => [stage, ...sizes.map((size) => stageSeconds(runs, size, stage))]),
  };
}

function lockTable(sizes: readonly number[], runs: NativeRuns): Table {
  const rows = sizes.map((size) => {
    const middle = (of: (round: NativeRound) => number): string => seconds(middleOf(runs, size, of));
    return [
      figure(size),
      range(
        roundsOf(runs, size).map((round) => windowOf(round) / 1000),
        2,
      ),
      middle(({ ours }) => ours.quietMs),
      middle((round) => windowOf(round) - round.ours.quietMs),
      figure(middleOf(runs, size, ({ ours }) => ours.caughtUp)),
      ...LOCK_STAGES.map((stage) => stageSeconds(runs, size, stage)),
    ];
  });
  return {
    head: ["resources", "window", "of it quiet", "without it", "caught up", ...LOCK_STAGES],
    rows,
  };
}

function stageSeconds(runs: NativeRuns, size: number, stage: string): string {
  return seconds(middleOf(runs, size, ({ ours }) => timeOf(ours, stage).ms));
}

function middleOf(runs: NativeRuns, size: number, of: (round: NativeRound) => number): number {
  return median(roundsOf(runs, size).map(of));
}
