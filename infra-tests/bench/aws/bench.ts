import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { duration } from "../../../cli/output/durations.ts";
import { ensureBinaries } from "../../harness/binaries.ts";
import { say } from "../clusters.ts";
import { type AwsBenchOptions, parseAwsOptions } from "../options.ts";
import { goalLine } from "../report/goals.ts";
import { machineFacts } from "../report/machine.ts";
import { renderTable } from "../report/table.ts";
import { type Bed, withDeployedStack } from "./bed.ts";
import { measureHops } from "./hops.ts";
import { embeddedRun, onFreshClusters, serviceRun } from "./modes.ts";
import { type AwsMeasurement, type AwsReport, awsReport, type Round } from "./report.ts";
import { measureUsage } from "./usage.ts";

/** The run that tells what does not depend on the number of resources has one for so many of them. */
const SMALL_SHARE = 10;

/** Measures the deployed service beside the embedded mode; the result is printed and written. */
export async function bench(argv: readonly string[]): Promise<void> {
  const options = parseAwsOptions(argv);
  await ensureBinaries(["etcd", "kube-apiserver"]);
  const startedAt = Date.now();
  const measurement = await withDeployedStack((bed) => measure(bed, options));
  const report = awsReport(measurement);
  process.stdout.write(reportText(report));
  say(`written to ${write(options.out, { ...report, data: measurement })}`);
  say(`took ${duration(Date.now() - startedAt)}`);
}

async function measure(bed: Bed, options: AwsBenchOptions): Promise<AwsMeasurement> {
  const { resources, rounds: count, hops } = options;
  const rounds: Round[] = [];
  while (rounds.length < count) {
    const round = `round-${rounds.length + 1}`;
    say(`${round}: ${resources} resources in the embedded mode`);
    const embedded = await onFreshClusters(resources, embeddedRun);
    say(`${round}: ${resources} resources by the deployed service`);
    rounds.push({ embedded, ...(await byService(bed, round, resources)) });
  }
  const few = Math.ceil(resources / SMALL_SHARE);
  say(`${few} resources by the deployed service`);
  const { runId, used, service } = await byService(bed, "small", few);
  say(`${hops} hops with nothing to do`);
  const measuredHops = await measureHops(bed, runId, hops);
  return { resources, rounds, small: { copied: service.copied, used }, hops: measuredHops };
}

async function byService(
  bed: Bed,
  cluster: string,
  resources: number,
): Promise<Pick<Round, "service" | "used"> & { runId: string }> {
  return onFreshClusters(resources, async (sides, load) => {
    await bed.service.addCluster(cluster, sides);
    const { used, result } = await measureUsage(bed, () => serviceRun(bed.service, cluster, { sides, load }));
    const { runId, ...service } = result;
    return { runId, service, used };
  });
}

function reportText({ title, tables, goals, notes }: AwsReport): string {
  const parts = [...tables.map(renderTable), goals.map(goalLine).join("\n"), ""];
  return [`## ${title}\n`, ...parts, ...notes.map((note) => `note: ${note}`), ""].join("\n");
}

function write(folder: string, content: object): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "aws.json");
  const facts = { date: new Date().toISOString(), machine: machineFacts() };
  writeFileSync(path, `${JSON.stringify({ ...content, ...facts }, null, 2)}\n`);
  return path;
}
