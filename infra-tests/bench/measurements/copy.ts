import { CONTENDERS, type Contender } from "../ceiling/clients.ts";
import { type CeilingRun, measureCeiling } from "../ceiling/ceiling.ts";
import { say, withSides } from "../clusters.ts";
import { migrate } from "../migrator/migrate.ts";
import type { MigratorRun } from "../migrator/run-migrator.ts";
import { timeOf } from "../migrator/records.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { BenchOptions } from "../options.ts";
import { atLeast } from "../report/goals.ts";
import type { LoadAtStart } from "../report/machine.ts";
import type { Measurement } from "../report/measurement.ts";
import { median, perSecond, ratios } from "../report/statistics.ts";
import { figure, seconds, type Table } from "../report/table.ts";

const GOAL = 0.9;

interface CopyRun extends MigratorRun {
  load: LoadAtStart;
}

interface Round {
  migrator: CopyRun;
  ceiling: CeilingRun;
}

/**
 * The speed of the pre-copy against that of a bare loop which writes the same objects: turn by turn, each on a fresh
 * cluster. The first round tries all clients for the bare loop; the fastest is the ceiling of all rounds.
 */
export async function measureCopy({ resources, rounds: count }: BenchOptions): Promise<Measurement> {
  const first = await measureMigrator(resources);
  const contenders: CeilingRun[] = [];
  for (const contender of CONTENDERS) contenders.push(await ceiling(contender, resources, first));
  const best = contenders.reduce((a, b) => (rate(b) > rate(a) ? b : a));
  const rounds: Round[] = [{ migrator: first, ceiling: best }];
  while (rounds.length < count) {
    const migrator = await measureMigrator(resources);
    rounds.push({ migrator, ceiling: await ceiling(best.contender, resources, migrator) });
  }
  return report(resources, rounds, contenders);
}

function measureMigrator(resources: number): Promise<CopyRun> {
  say(`migrator with ${resources} resources`);
  return withSides({ resources }, (sides, load) =>
    withStorePath("disk", async (store) => ({ load, ...(await migrate(sides, { store })) })),
  );
}

function ceiling(contender: Contender, resources: number, { nodeFlags }: CopyRun): Promise<CeilingRun> {
  return measureCeiling(contender, { resources }, nodeFlags);
}

function rate(run: CopyRun | CeilingRun): number {
  if ("writes" in run) return perSecond(run.writes, run.ms);
  const { total, ms } = timeOf(run, "pre-copy");
  return perSecond(total, ms);
}

function report(resources: number, rounds: readonly Round[], contenders: readonly CeilingRun[]): Measurement {
  const pairs = rounds.map(({ migrator, ceiling }) => ({ ours: rate(migrator), theirs: rate(ceiling) }));
  const ratio = median(ratios(pairs));
  const unequal = rounds.some(
    ({ migrator, ceiling }) => timeOf(migrator, "pre-copy").total !== ceiling.writes,
  );
  return {
    name: "copy",
    title: `Copy of ${figure(resources)} resources, with durable checkpoints`,
    tables: [roundsTable(rounds, ratio), contendersTable(contenders), stagesTable(rounds)],
    goals: [atLeast("speed of the pre-copy over that of the bare loop", unequal ? NaN : ratio, GOAL)],
    notes: [
      ...(unequal ? ["the bare loop and the migrator did not write equally many objects: no verdict"] : []),
      ...(rounds.length < 3 ? ["fewer than three rounds: chance decides"] : []),
    ],
    data: JSON.parse(JSON.stringify({ resources, rounds, contenders, pairs, ratio })) as Measurement["data"],
  };
}

function roundsTable(rounds: readonly Round[], ratio: number): Table {
  const rows = rounds.map(({ migrator, ceiling }, index) => [
    String(index + 1),
    figure(rate(migrator)),
    figure(rate(ceiling)),
    figure(rate(migrator) / rate(ceiling), 2),
    seconds(timeOf(migrator, "pre-copy").ms),
    seconds(migrator.runMs),
    `${figure(migrator.load.busy, 2)} / ${figure(ceiling.load.busy, 2)}`,
  ]);
  const middle = (of: (round: Round) => number): number => median(rounds.map(of));
  const last = [
    "median",
    figure(middle(({ migrator }) => rate(migrator))),
    figure(middle((round) => rate(round.ceiling))),
    figure(ratio, 2),
    seconds(middle(({ migrator }) => timeOf(migrator, "pre-copy").ms)),
    seconds(middle(({ migrator }) => migrator.runMs)),
    "",
  ];
  const head = ["round", "pre-copy /s", "ceiling /s", "ratio", "pre-copy s", "whole run s", "busy before"];
  return { head, rows: [...rows, last] };
}

function contendersTable(contenders: readonly CeilingRun[]): Table {
  return {
    head: ["client of the bare loop", "/s", "CPU ms each"],
    rows: contenders.map((run) => [run.contender, figure(rate(run)), figure(run.cpuMs / run.writes, 2)]),
  };
}

function stagesTable(rounds: readonly Round[]): Table {
  const stages = rounds[0]?.migrator.stages ?? [];
  return {
    head: ["stage of the run", "median s"],
    rows: stages.map(({ stage }) => [
      stage,
      seconds(median(rounds.map(({ migrator }) => timeOf(migrator, stage).ms))),
    ]),
  };
}
