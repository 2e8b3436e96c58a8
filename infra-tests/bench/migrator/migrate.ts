import type { Sides } from "../../rig/clusters.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type MigrateOptions, type MigratorRun, PROGRAM, runMigrator } from "./run-migrator.ts";

/** Of the losses, as a plan shows them. */
interface Plan {
  asks: { subject: string; count?: number; fingerprint: string }[];
}

/** Migrates from etcd with the command line in a process of its own, as a person would. Throws an Error when it fails. */
export async function migrate(
  { etcd, kubernetes }: Pick<Sides, "etcd" | "kubernetes">,
  options: MigrateOptions,
): Promise<MigratorRun> {
  const sides = ["--kubeconfig", kubernetes.kubeconfig, "--etcd-endpoints", etcd.endpoint];
  const approved = ["switch", ...(await lossesOf(["etcd-to-kubernetes", ...sides]))];
  return runMigrator(["etcd-to-kubernetes", ...sides, "--approve", ...approved], options);
}

async function lossesOf(words: readonly string[]): Promise<string[]> {
  const line = [PROGRAM, "plan", ...words, "--output", "json", "--quiet"];
  const { stdout } = await promisify(execFile)(process.execPath, line, { maxBuffer: 1e8 });
  const { asks } = JSON.parse(stdout) as Plan;
  return asks
    .filter(({ count }) => count !== undefined)
    .map(({ subject, fingerprint }) => `${subject}@${fingerprint}`);
}
