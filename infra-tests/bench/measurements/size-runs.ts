import { say, withSides } from "../clusters.ts";
import { changesTo, makeChanges } from "../migrator/changes.ts";
import { migrate } from "../migrator/migrate.ts";
import type { MigratorRun } from "../migrator/run-migrator.ts";
import { timeOf } from "../migrator/records.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { BenchOptions } from "../options.ts";
import type { LoadAtStart } from "../report/machine.ts";

export const CHANGES = 100;

/** One migration during whose pre-copy the source changed. */
export interface SizeRun extends MigratorRun {
  resources: number;
  round: number;
  load: LoadAtStart;
  /** True when the last change was made before the pre-copy ended, so that all of them are the catch-up's. */
  changedInTime: boolean;
  /** How many resources had to be brought up to date after the copy, before the lock or inside it: proof that the changes were seen. */
  caughtUp: number;
}

/** Migrates clusters of all sizes, round by round; the lock and the memory are measured on the same runs. */
export async function runSizes({ sizes, rounds }: BenchOptions): Promise<SizeRun[]> {
  const runs: SizeRun[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const resources of sizes) runs.push(await runSize(resources, round));
  }
  return runs;
}

/** The runs of one size. */
export function ofSize(runs: readonly SizeRun[], size: number): SizeRun[] {
  return runs.filter(({ resources }) => resources === size);
}

function runSize(resources: number, round: number): Promise<SizeRun> {
  say(`round ${round}: ${resources} resources and ${CHANGES} changes`);
  return withSides({ resources }, (sides, load) =>
    withStorePath("disk", async (store) => {
      const changes = changesTo(sides.seed, CHANGES);
      let changedAt = Infinity;
      const run = await migrate(sides, {
        store,
        onStage: async (stage) => {
          if (stage !== "pre-copy") return;
          await makeChanges(sides.etcd, changes);
          changedAt = Date.now();
        },
      });
      if (changedAt === Infinity)
        throw new Error("the migrator told of no pre-copy: nothing was changed during it");
      const { startedAt, ms } = timeOf(run, "pre-copy");
      const caughtUp = timeOf(run, "follow").total + timeOf(run, "catch-up").total;
      return { resources, round, load, changedInTime: changedAt <= startedAt + ms, caughtUp, ...run };
    }),
  );
}
