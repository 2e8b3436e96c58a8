import type { Migration } from "../engine/migration.ts";
import { backupBothSides } from "./backup/backup.ts";
import { restore } from "./backup/restore/index.ts";
import type { ClusterConnections } from "./connections.ts";
import { apiserverToCrds } from "./apiserver-to-crds/index.ts";
import { etcdToKubernetes } from "./etcd-to-kubernetes/index.ts";

/** Every migration that is installed. */
export const MIGRATIONS: readonly Migration<ClusterConnections>[] = [
  etcdToKubernetes,
  apiserverToCrds,
  backupBothSides,
  restore,
];
