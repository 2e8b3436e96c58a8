import type { ClusterConnection } from "./connections.ts";
import { usageError } from "./failures.ts";
import type { LocalSession } from "./local-session.ts";
import { isFromEtcd } from "./options/migrations/index.ts";

/**
 * Connects once to all that a migration needs, so that what cannot be reached is told at once and before anything is
 * recorded. Throws what connecting throws.
 */
export async function probe(
  session: LocalSession,
  migration: string,
  connection: ClusterConnection,
): Promise<void> {
  const opened = await session.world.openCluster(connection, session.settings);
  const asksEtcd = connection.etcd !== undefined && isFromEtcd(migration) !== false;
  try {
    if (asksEtcd) await opened.connections.etcd().status();
  } finally {
    await opened.close();
  }
}

/** Throws USAGE for a migration from etcd without an etcd. */
export function requireEtcd(migration: string, connection: ClusterConnection): void {
  if (isFromEtcd(migration) !== true || connection.etcd !== undefined) return;
  throw etcdMissing();
}

/** A migration from etcd without an etcd. */
export function etcdMissing(): Error {
  return usageError(
    "--etcd-endpoints is missing: where is Calico's etcd?",
    "Add --etcd-endpoints https://HOST:2379.",
  );
}
