import type { LocalSession } from "../local-session.ts";
import { connectionOf, register } from "../options/connection.ts";
import { migrationOptions } from "../options/migrations/index.ts";
import { probe, requireEtcd } from "../probe.ts";
import { pinManifests } from "./manifests.ts";
import type { Prepared, StartWay } from "./prepared.ts";

/** Prepares a run that this machine works on: what it needs answers, and the manifests can be read. */
export async function prepareLocally(
  session: LocalSession,
  migration: string,
  flags: StartWay,
): Promise<Prepared> {
  const { world, embedded } = session;
  const cluster = await connectionOf(world, flags, (known) => embedded.clusters.get(known));
  requireEtcd(migration, cluster.connection);
  const options = migrationOptions(world, migration, flags);
  await probe(session, migration, cluster.connection);
  return {
    cluster: cluster.name,
    options,
    register: async () => {
      await register(embedded.clusters, cluster);
      await pinManifests(session, migration, options);
    },
  };
}
