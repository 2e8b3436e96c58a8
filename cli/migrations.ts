import type { Migration } from "../shared/engine/migration.ts";
import { backupBothSides } from "../shared/migrations/backup/backup.ts";
import { restore } from "../shared/migrations/backup/restore.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import { compareRun } from "../shared/migrations/etcd-to-kubernetes/compare-sides.ts";
import { etcdToKubernetes } from "../shared/migrations/etcd-to-kubernetes/index.ts";
import type { CompareRun } from "./world.ts";

/** Every migration that is installed. */
export const MIGRATIONS: readonly Migration<ClusterConnections>[] = [
  etcdToKubernetes,
  backupBothSides,
  restore,
];

/** How both sides of a run are compared, by migration. */
export const COMPARISONS: Readonly<Record<string, CompareRun>> = { "etcd-to-kubernetes": compareRun };
