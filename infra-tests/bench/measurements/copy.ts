import { type CeilingRun, measureCeiling } from "../ceiling/ceiling.ts";
import { say, withSides } from "../clusters.ts";
import { migrate } from "../migrator/migrate.ts";
import { timeOf } from "../migrator/records.ts";
import type { MigratorRun } from "../migrator/run-migrator.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { BenchOptions } from "../options.ts";
import { copyGoals, copyNotes, copyRoundsTable, type CopySize } from "../report/copy-rounds.ts";
import type { LoadAtStart } from "../report/machine.ts";
import type { Measurement } from "../report/measurement.ts";
import { perSecond } from "../report/statistics.ts";
import { figure, range, type Table } from "../report/table.ts";

interface CopyRun extends MigratorRun {
  load: LoadAtStart;
}

interface Round {
  size: number;
  migrator: CopyRun;
  ceiling: CeilingRun;
}

/**
 * The speed of the pre-copy at each size against that of a bare loop which writes the same objects: turn by turn, each on a
 * fresh cluster.
 */
export async function measureCopy({ sizes, rounds: count }: BenchOptions): Promise<Measurement> {
  const rounds: Round[] = [];
  for (let round = 1; round <= count; round++) {
    for (const size of sizes) {
      const migrator = await measureMigrator(size, round);
      rounds.push({ size, migrator, ceiling: await measureCeiling({ resources: size }, migrator.nodeFlags) });
    }
  }
  return report(sizes, rounds);
}

function measureMigrator(resources: number, round: number): Promise<CopyRun> {
  say(`round ${round}: copy of ${resources} resources`);
  return withSides({ resources }, (sides, load) =>
    withStorePath("disk", async (store) => ({
      load,
      ...(await migrate(sides, { store, stopBefore: "verify-copy" })),
    })),
  );
}

function report(sizes: readonly number[], rounds: readonly Round[]): Measurement {
  const bySize = sizes.map((size): CopySize => ({ size, rounds: ofSize(rounds, size).map(pairOf) }));
  return {
    name: "copy",
    title: "Copy of resources, with durable checkpoints",
    tables: [copyRoundsTable(bySize), stagesTable(sizes, rounds), loadTable(sizes, rounds)],
    goals: copyGoals(bySize),
    notes: copyNotes(bySize),
    data: JSON.parse(JSON.stringify({ sizes: bySize, rounds })) as Measurement["data"],
  };
}

function ofSize(rounds: readonly Round[], size: number): Round[] {
  return rounds.filter((round) => round.size === size);
}

function pairOf({ migrator, ceiling }: Round): CopySize["rounds"][number] {
  const { total, ms } = timeOf(migrator, "pre-copy");
  const theirs = perSecond(ceiling.writes, ceiling.ms);
  return { ours: perSecond(total, ms), theirs, same: total === ceiling.writes };
}

/** Preflight judges every object by a dry run, which costs about as much as its copy. */
function stagesTable(sizes: readonly number[], rounds: readonly Round[]): Table {
  const stages = rounds[0]?.migrator.stages ?? [];
  return {
    head: ["stage of the run, s", ...sizes.map((size) => figure(size))],
    rows: stages.map(({ stage }) => [
      stage,
      ...sizes.map((size) =>
        range(
          ofSize(rounds, size).map(({ migrator }) => timeOf(migrator, stage).ms / 1000),
          2,
        ),
      ),
    ]),
  };
}

function loadTable(sizes: readonly number[], rounds: readonly Round[]): Table {
  return {
    head: ["share of all cores in use before", ...sizes.map((size) => figure(size))],
    rows: (["migrator", "ceiling"] as const).map((side) => [
      side,
      ...sizes.map((size) =>
        range(
          ofSize(rounds, size).map((round) => round[side].load.busy),
          2,
        ),
      ),
    ]),
  };
}
