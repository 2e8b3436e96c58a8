import { type CalicoctlRun, customResources, type Limiter, runCalicoctl } from "../calicoctl.ts";
import { say, withSides } from "../clusters.ts";
import { migrate } from "../migrator/migrate.ts";
import type { MigratorRun } from "../migrator/run-migrator.ts";
import { timeOf } from "../migrator/records.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { BenchOptions } from "../options.ts";
import { atLeast } from "../report/goals.ts";
import type { LoadAtStart } from "../report/machine.ts";
import type { Measurement } from "../report/measurement.ts";
import { perSecond } from "../report/statistics.ts";
import { figure, seconds, type Table } from "../report/table.ts";

const GOALS: Readonly<Record<Limiter, number>> = { default: 20, lifted: 2.5 };

/** It loses some kinds without a word; with less than this share moved, its time is not that of the same work. */
const ENOUGH = 0.9;

interface Ours extends MigratorRun {
  load: LoadAtStart;
  held: number;
}

type Theirs = CalicoctlRun & { load: LoadAtStart };

/** The same data by calicoctl, with its limiter and without, and by the migrator. */
export async function measureCalicoctl(binary: string, options: BenchOptions): Promise<Measurement> {
  // calicoctl imports peers before the filters that they name, and fails.
  const seed = { resources: options.resources, peerFilters: false };
  const theirs: Theirs[] = [];
  for (const limiter of ["lifted", "default"] as const) {
    say(`calicoctl, limiter ${limiter}`);
    theirs.push(
      await withSides(seed, async (sides, load) => ({
        load,
        ...(await runCalicoctl(binary, sides, limiter)),
      })),
    );
  }
  say("migrator with the same data");
  const ours = await withSides(seed, (sides, load) =>
    withStorePath("disk", async (store) => ({
      load,
      ...(await migrate(sides, { store })),
      held: await customResources(sides),
    })),
  );
  return report(options.resources, theirs, ours);
}

function report(resources: number, theirs: readonly Theirs[], ours: Ours): Measurement {
  const copy = timeOf(ours, "pre-copy");
  const copyRate = perSecond(copy.total, copy.ms);
  const faster = theirs.map((run) => ({
    ...run,
    ratio: run.held < ours.held * ENOUGH ? NaN : copyRate / perSecond(resources, totalMs(run)),
    wholeRunRatio: run.held < ours.held * ENOUGH ? NaN : totalMs(run) / ours.wallMs,
  }));
  return {
    name: "calicoctl",
    title: `calicoctl and the migrator on the same ${figure(resources)} resources`,
    tables: [table(resources, theirs, ours), ratioTable(faster)],
    goals: faster.map(({ limiter, ratio }) =>
      atLeast(`copy over calicoctl's lock, export and import, limiter ${limiter}`, ratio, GOALS[limiter]),
    ),
    notes: [
      "calicoctl keeps the datastore locked all the time; the migrator's whole run holds checks, backup and three comparisons",
      "what calicoctl loses counts as moved, to its advantage; a goal has no verdict where it moved less than 0.9 of the data",
      "one run each",
    ],
    data: JSON.parse(JSON.stringify({ resources, calicoctl: faster, migrator: ours })) as Measurement["data"],
  };
}

function totalMs({ lockMs, exportMs, importMs }: CalicoctlRun): number {
  return lockMs + exportMs + importMs;
}

function table(resources: number, theirs: readonly Theirs[], ours: Ours): Table {
  const copy = timeOf(ours, "pre-copy");
  const row = (name: string, ms: number, count: number, lockedMs: number, held: string): string[] => [
    name,
    seconds(ms),
    figure(perSecond(count, ms)),
    seconds(lockedMs),
    held,
  ];
  return {
    head: ["", "s", "resources /s", "locked s", "custom resources held"],
    rows: [
      ...theirs.map((run) =>
        row(`calicoctl, limiter ${run.limiter}`, totalMs(run), resources, totalMs(run), figure(run.held)),
      ),
      row("migrator, copy", copy.ms, copy.total, 0, ""),
      row("migrator, whole run", ours.wallMs, resources, ours.lock?.windowMs ?? NaN, figure(ours.held)),
    ],
  };
}

function ratioTable(runs: readonly { limiter: Limiter; ratio: number; wholeRunRatio: number }[]): Table {
  return {
    head: ["faster than calicoctl", "copy", "whole run"],
    rows: runs.map(({ limiter, ratio, wholeRunRatio }) => [
      `limiter ${limiter}`,
      `${figure(ratio, 1)}x`,
      `${figure(wholeRunRatio, 1)}x`,
    ]),
  };
}
