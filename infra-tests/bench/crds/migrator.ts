import type { NativeBed } from "../../rig/native/bed.ts";
import { timeOf } from "../migrator/records.ts";
import { type MigrateOptions, type MigratorRun, runMigrator } from "../migrator/run-migrator.ts";

/** Migrates a bed with the command line in a process of its own, as a person would. Throws an Error when it fails. */
export function migrateNative(
  { kubernetes }: Pick<NativeBed, "kubernetes">,
  options: MigrateOptions,
): Promise<MigratorRun> {
  // The cleanup, which nothing brings back, is not covered by `--yes` alone.
  return runMigrator(
    ["apiserver-to-crds", "--kubeconfig", kubernetes.kubeconfig, "--approve", "cleanup"],
    options,
  );
}

/**
 * From the lock of both groups to the unlock of the native one, its whole stage included; what is rehearsed before the lock is
 * not. Milliseconds.
 */
export function lockWindowOf({ lock, stages }: Pick<MigratorRun, "stages" | "lock">): number {
  return (lock?.windowMs ?? NaN) + timeOf({ stages }, "unlock").ms;
}
