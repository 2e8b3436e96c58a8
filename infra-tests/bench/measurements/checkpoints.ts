import { say, withSides } from "../clusters.ts";
import { type StoreSpeed, storeSpeed } from "../migrator/store-speed.ts";
import { migrate } from "../migrator/migrate.ts";
import { timeOf } from "../migrator/records.ts";
import { type StoreMedium, withStorePath } from "../migrator/store-folder.ts";
import type { BenchOptions } from "../options.ts";
import type { LoadAtStart } from "../report/machine.ts";
import type { Measurement } from "../report/measurement.ts";
import { median, perSecond, ratios } from "../report/statistics.ts";
import { figure, type Table } from "../report/table.ts";

interface Round {
  disk: CopyRate;
  memory: CopyRate;
}

interface CopyRate {
  perSecond: number;
  load: LoadAtStart;
}

/** What it costs that checkpoints are on the disk: the same copy with the store there and in memory, turn by turn. */
export async function measureCheckpoints({ resources, rounds: count }: BenchOptions): Promise<Measurement> {
  const speeds = { disk: await aloneOn("disk", resources), memory: await aloneOn("memory", resources) };
  const rounds: Round[] = [];
  while (rounds.length < count) {
    rounds.push({ disk: await copyWith("disk", resources), memory: await copyWith("memory", resources) });
  }
  const pairs = rounds.map(({ disk, memory }) => ({ ours: disk.perSecond, theirs: memory.perSecond }));
  const ratio = median(ratios(pairs));
  return {
    name: "checkpoints",
    title: `Cost of durable checkpoints, one for each of ${figure(resources)} resources`,
    tables: [copyTable(rounds, ratio), storeTable(speeds)],
    goals: [],
    notes: ["a store in memory runs the same code, but its commits wait for no disk"],
    data: JSON.parse(JSON.stringify({ resources, rounds, ratio, store: speeds })) as Measurement["data"],
  };
}

function copyWith(medium: StoreMedium, resources: number): Promise<CopyRate> {
  say(`copy with the store ${medium === "disk" ? "on the disk" : "in memory"}`);
  return withSides({ resources }, (sides, load) =>
    withStorePath(medium, async (store) => {
      const { total, ms } = timeOf(await migrate(sides, { store, stopBefore: "verify-copy" }), "pre-copy");
      return { perSecond: perSecond(total, ms), load };
    }),
  );
}

function aloneOn(medium: StoreMedium, resources: number): Promise<StoreSpeed> {
  return withStorePath(medium, (path) => storeSpeed(path, resources));
}

function copyTable(rounds: readonly Round[], ratio: number): Table {
  const rows = rounds.map(({ disk, memory }, index) => [
    String(index + 1),
    figure(disk.perSecond),
    figure(memory.perSecond),
    figure(disk.perSecond / memory.perSecond, 2),
  ]);
  const middle = (medium: StoreMedium): string =>
    figure(median(rounds.map((round) => round[medium].perSecond)));
  const last = ["median", middle("disk"), middle("memory"), figure(ratio, 2)];
  return { head: ["round", "pre-copy /s, disk", "pre-copy /s, memory", "ratio"], rows: [...rows, last] };
}

function storeTable({ disk, memory }: Record<StoreMedium, StoreSpeed>): Table {
  return {
    head: ["the store alone", "disk", "memory"],
    rows: [
      [
        "checkpoints added /s, 200 in a transaction",
        figure(disk.addedPerSecond),
        figure(memory.addedPerSecond),
      ],
      [
        "checkpoints changed /s, 200 in a transaction",
        figure(disk.changedPerSecond),
        figure(memory.changedPerSecond),
      ],
      ["transactions of one checkpoint /s", figure(disk.singlePerSecond), figure(memory.singlePerSecond)],
    ],
  };
}
