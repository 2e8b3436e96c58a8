import { duration } from "../../cli/output/durations.ts";
import { ensureBinaries } from "../harness/binaries.ts";
import { say } from "./clusters.ts";
import { measureCalicoctl } from "./measurements/calicoctl.ts";
import { measureCheckpoints } from "./measurements/checkpoints.ts";
import { measureCopy } from "./measurements/copy.ts";
import { lockMeasurement } from "./measurements/lock.ts";
import { memoryMeasurement } from "./measurements/memory.ts";
import { runSizes, type SizeRun } from "./measurements/size-runs.ts";
import { type BenchOptions, type EtcdMeasurementName, parseOptions } from "./options.ts";
import { type Measurement, measurementText, writeMeasurement } from "./report/measurement.ts";

/** Measures what the command line names; each result is printed and written as soon as it is there. */
export async function bench(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv);
  await ensureBinaries(["etcd", "kube-apiserver"]);
  const startedAt = Date.now();
  const measure = measures(options);
  for (const name of options.only) {
    const result = await measure[name]();
    if (result === undefined) continue;
    const path = writeMeasurement(options.out, "etcd", result);
    process.stdout.write(`${measurementText(result)}\n`);
    say(`written to ${path}`);
  }
  say(`took ${duration(Date.now() - startedAt)}`);
}

type Measure = () => Promise<Measurement | undefined>;

function measures(options: BenchOptions): Record<EtcdMeasurementName, Measure> {
  let sizeRuns: Promise<SizeRun[]> | undefined;
  const runs = (): Promise<SizeRun[]> => (sizeRuns ??= runSizes(options));
  return {
    copy: () => measureCopy(options),
    checkpoints: () => measureCheckpoints(options),
    lock: async () => lockMeasurement(options, await runs()),
    memory: async () => memoryMeasurement(options, await runs()),
    calicoctl: () => compareWithCalicoctl(options),
  };
}

async function compareWithCalicoctl(options: BenchOptions): Promise<Measurement | undefined> {
  const binary = process.env["CALICOCTL"] ?? "";
  if (binary !== "") return measureCalicoctl(binary, options);
  say("calicoctl is left out: CALICOCTL names no binary");
  return undefined;
}
