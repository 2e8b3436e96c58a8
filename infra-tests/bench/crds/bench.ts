import { duration } from "../../../cli/output/durations.ts";
import { ensureBinaries } from "../../harness/binaries.ts";
import { say } from "../clusters.ts";
import { type CrdsBenchOptions, type CrdsMeasurementName, parseCrdsOptions } from "../options.ts";
import { type Measurement, measurementText, writeMeasurement } from "../report/measurement.ts";
import { copyReport, lockReport, memoryReport } from "./reports.ts";
import { type NativeRuns, runNative, wants } from "./runs.ts";
import { comparisonReport, refuseUnexplained, upstreamReport } from "./upstream-reports.ts";

const REPORTS: Readonly<
  Record<CrdsMeasurementName, (options: CrdsBenchOptions, runs: NativeRuns) => Measurement>
> = {
  copy: copyReport,
  lock: lockReport,
  memory: memoryReport,
  upstream: upstreamReport,
  comparison: (_options, runs) => comparisonReport(runs),
};

/**
 * Measures the migration to native CRDs, in one run; results are printed and written. Throws an Error where native objects
 * differ from upstream's without a reason.
 */
export async function bench(argv: readonly string[]): Promise<void> {
  const options = parseCrdsOptions(argv);
  await ensureBinaries(["etcd", "kube-apiserver", "kube-controller-manager"]);
  const startedAt = Date.now();
  const upstream = upstreamBinary(options);
  const runs = await runNative(options, upstream);
  const compared = runs.rounds.some((round) => round.upstream !== undefined);
  for (const name of options.only) {
    if (!compared && (name === "upstream" || name === "comparison")) continue;
    const report = REPORTS[name](options, runs);
    process.stdout.write(`${measurementText(report)}\n`);
    say(`written to ${writeMeasurement(options.out, "crds", report)}`);
  }
  say(`took ${duration(Date.now() - startedAt)}`);
  refuseUnexplained(runs);
}

function upstreamBinary(options: CrdsBenchOptions): string | undefined {
  if (!wants(options, "upstream", "comparison")) return undefined;
  const binary = process.env["CALICO_KUBE_CONTROLLERS"] ?? "";
  if (binary !== "") return binary;
  say("upstream's controller is left out: CALICO_KUBE_CONTROLLERS names no binary");
  return undefined;
}
