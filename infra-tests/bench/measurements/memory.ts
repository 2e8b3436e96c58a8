import type { BenchOptions } from "../options.ts";
import { atMost } from "../report/goals.ts";
import type { Measurement } from "../report/measurement.ts";
import { median, spread } from "../report/statistics.ts";
import { figure, range } from "../report/table.ts";
import { ofSize, type SizeRun } from "./size-runs.ts";

const GOAL_SPREAD = 1.2;
const GOAL_MIB = 250;

/** How much memory the migrator's process needed at each size. */
export function memoryMeasurement({ sizes }: BenchOptions, runs: readonly SizeRun[]): Measurement {
  const peaks = sizes.map((size) => ofSize(runs, size).map(({ peakRssBytes }) => peakRssBytes));
  const medians = peaks.map(median);
  const largest = Math.max(...peaks.flat());
  return {
    name: "memory",
    title: "Memory of the migrator's process",
    tables: [
      {
        head: ["resources", "rounds", "peak RSS MiB"],
        rows: sizes.map((size, index) => [
          figure(size),
          figure(peaks[index]?.length ?? 0),
          range((peaks[index] ?? []).map((bytes) => bytes / 1024 ** 2)),
        ]),
      },
    ],
    goals: [
      atMost("peak RSS, the largest median over the smallest", spread(medians), GOAL_SPREAD),
      atMost("peak RSS in MiB, the largest of all", largest / 1024 ** 2, GOAL_MIB),
    ],
    notes: [
      "smallest / median / largest of the rounds",
      "peak RSS is VmHWM of the process, from its start to its end",
    ],
    data: { sizes: [...sizes], peakRssBytes: peaks, nodeFlags: [...(runs[0]?.nodeFlags ?? [])] },
  };
}
