import type { CrdsBenchOptions } from "../options.ts";
import { atLeast, atMost } from "../report/goals.ts";
import type { Measurement } from "../report/measurement.ts";
import { median, perSecond } from "../report/statistics.ts";
import { figure, mebibytes, seconds, type Table } from "../report/table.ts";
import { DIFFERENCE_CLASSES, type Differences, type UnexplainedDifference } from "./differences.ts";
import { copyRateOf, dataOf, windowOf } from "./reports.ts";
import { type NativeRound, type NativeRuns, roundsOf } from "./runs.ts";
import type { UpstreamRun } from "./upstream.ts";

/** At this size, its lock is to last so many times as long as ours. */
const GOAL = { size: 10_000, ratio: 20 };
const SHOWN = 20;

/** The same objects by upstream's controller and by the migrator. */
export function upstreamReport({ sizes }: CrdsBenchOptions, runs: NativeRuns): Measurement {
  const pairs = sizes
    .map((size) => ({ size, rounds: roundsOf(runs, size).filter(hasUpstream) }))
    .filter(({ rounds }) => rounds.length > 0);
  const goal = pairs.find(({ size }) => size === GOAL.size);
  return {
    name: "upstream",
    title: "Upstream's controller and the migrator on the same objects (medians)",
    tables: [locksTable(pairs), speedsTable(pairs)],
    goals:
      goal === undefined
        ? []
        : [
            atLeast(
              `upstream's lock window over the migrator's, ${figure(GOAL.size)} resources`,
              median(goal.rounds.map(lockRatio)),
              GOAL.ratio,
            ),
          ],
    notes: [
      "upstream's is from the lock of the old group to the unlock of the native one; the rollout comes after it on both sides",
      "beside the migrator all controllers of Kubernetes were running, beside upstream's none: a garbage collector can make it lose copies, and never end",
    ],
    data: dataOf({ rounds: pairs }),
  };
}

/** What the native objects differ in that upstream and the migrator have made of the same objects. */
export function comparisonReport(runs: NativeRuns): Measurement {
  const compared = runs.rounds.flatMap(({ differences }) => differences ?? []);
  const unexplained = compared.flatMap((differences) => differences.unexplained);
  return {
    name: "comparison",
    title: `Native objects of upstream and of the migrator, ${figure(objectsOf(compared))} compared`,
    tables: [classesTable(compared), ...(unexplained.length === 0 ? [] : [unexplainedTable(unexplained)])],
    goals: [atMost("objects that differ without a reason", unexplained.length, 0)],
    notes: DIFFERENCE_CLASSES.map(({ name, reason }) => `${name}: ${reason}`),
    data: dataOf({ objects: objectsOf(compared), unexplained, explained: countsOf(compared) }),
  };
}

/** Throws an Error where objects differ without a reason. */
export function refuseUnexplained({ rounds }: NativeRuns): void {
  const count = rounds.flatMap(({ differences }) => differences?.unexplained ?? []).length;
  if (count > 0) throw new Error(`${count} native objects differ from upstream's without a reason`);
}

interface Pair {
  size: number;
  rounds: readonly (NativeRound & { upstream: UpstreamRun })[];
}

function hasUpstream(round: NativeRound): round is NativeRound & { upstream: UpstreamRun } {
  return round.upstream !== undefined;
}

function lockRatio(round: Pair["rounds"][number]): number {
  return round.upstream.lockMs / windowOf(round);
}

function locksTable(pairs: readonly Pair[]): Table {
  return {
    head: ["resources", "upstream locked s", "migrator locked s", "times as long", "upstream peak RSS MiB"],
    rows: pairs.map(({ size, rounds }) => [
      figure(size),
      seconds(median(rounds.map(({ upstream }) => upstream.lockMs))),
      seconds(median(rounds.map(windowOf))),
      figure(median(rounds.map(lockRatio)), 1),
      mebibytes(median(rounds.map(({ upstream }) => upstream.peakRssBytes))),
    ]),
  };
}

function speedsTable(pairs: readonly Pair[]): Table {
  return {
    head: ["resources", "upstream's copy /s", "all of its lock /s", "migrator's pre-copy /s"],
    rows: pairs.map(({ size, rounds }) => [
      figure(size),
      figure(median(rounds.map(({ upstream }) => perSecond(size, upstream.copyMs)))),
      figure(median(rounds.map(({ upstream }) => perSecond(size, upstream.lockMs)))),
      figure(median(rounds.map(copyRateOf))),
    ]),
  };
}

function objectsOf(compared: readonly Differences[]): number {
  return compared.reduce((sum, { objects }) => sum + objects, 0);
}

/** How many objects each class explains something of, by kind. */
function countsOf(compared: readonly Differences[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const { explained } of compared) {
    for (const [name, kinds] of explained) {
      const known = (counts[name] ??= {});
      for (const [kind, count] of kinds) known[kind] = (known[kind] ?? 0) + count;
    }
  }
  return counts;
}

function classesTable(compared: readonly Differences[]): Table {
  const counts = countsOf(compared);
  return {
    head: ["what differs, and why is known", "objects", "kinds"],
    rows: DIFFERENCE_CLASSES.map(({ name }) => {
      const kinds = counts[name] ?? {};
      const objects = Object.values(kinds).reduce((sum, count) => sum + count, 0);
      const all = Object.keys(kinds).length > 5 ? `${Object.keys(kinds).length} kinds` : undefined;
      return [name, figure(objects), all ?? Object.keys(kinds).sort().join(", ")];
    }),
  };
}

function unexplainedTable(unexplained: readonly UnexplainedDifference[]): Table {
  return {
    head: ["what differs without a reason", "where"],
    rows: unexplained
      .slice(0, SHOWN)
      .map(({ id, paths, only }) => [id, only === undefined ? paths.join(", ") : `only ${only} has it`]),
  };
}
