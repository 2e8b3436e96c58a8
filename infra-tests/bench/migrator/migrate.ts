import type { Sides } from "../../rig/clusters.ts";
import { type MigrateOptions, type MigratorRun, runMigrator } from "./run-migrator.ts";

const APPROVED = ["switch", "uncarried", "unmapped-nodes"];

/** Migrates from etcd with the command line in a process of its own, as a person would. Throws an Error when it fails. */
export function migrate(
  { etcd, kubernetes }: Pick<Sides, "etcd" | "kubernetes">,
  options: MigrateOptions,
): Promise<MigratorRun> {
  const sides = ["--kubeconfig", kubernetes.kubeconfig, "--etcd-endpoints", etcd.endpoint];
  return runMigrator(["etcd-to-kubernetes", ...sides, "--approve", ...APPROVED], options);
}
