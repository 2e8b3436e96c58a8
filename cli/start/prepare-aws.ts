import type { RegisteredCluster } from "../../shared/adapters/aws/dynamodb/index.ts";
import { MigratorError } from "../../shared/errors.ts";
import { pinManifests } from "./manifests.ts";
import type { AwsSession } from "../aws/session.ts";
import { usageError } from "../failures.ts";
import { ConnectionFlags } from "../options/connection.ts";
import { isFromEtcd, migrationOptions } from "../options/migrations/index.ts";
import type { Prepared, StartWay } from "./prepared.ts";

/** Prepares a run that functions work on: the cluster is registered there, and files go where functions can read them. */
export async function prepareOnAws(
  session: AwsSession,
  migration: string,
  flags: StartWay,
): Promise<Prepared> {
  const { stack, world } = session;
  const name = clusterOnAws(flags);
  const cluster = await stack.clusters.get(name);
  if (cluster === undefined) throw notRegistered(name);
  requireEtcd(migration, cluster);
  const options = migrationOptions(world, migration, flags);
  return {
    cluster: name,
    options,
    register: () =>
      pinManifests({ world, flags: session.flags, artifacts: stack.artifacts }, migration, options),
  };
}

/** The cluster that a command line names; the way to it was given when it was registered. Throws USAGE. */
export function clusterOnAws(flags: StartWay): string {
  const { cluster, ...way } = ConnectionFlags.parse(flags);
  const given = Object.entries(way).find(([, value]) => value !== undefined);
  if (given !== undefined) {
    throw usageError(
      "on AWS a run uses a registered cluster: options such as --kubeconfig and --etcd-endpoints say nothing here",
      "Register it once with `calico-migrator clusters add NAME --kubeconfig FILE --aws`, then give --cluster NAME alone.",
    );
  }
  if (cluster !== undefined) return cluster;
  throw usageError(
    "--cluster is missing: which registered cluster?",
    "List them with `calico-migrator clusters --aws`.",
  );
}

/** The stack knows no cluster of this name. */
export function notRegistered(name: string): MigratorError {
  return new MigratorError("CLUSTER_NOT_FOUND", `no cluster "${name}" is registered on AWS`, {
    next: "Register it with `calico-migrator clusters add NAME --kubeconfig FILE --aws`, or list those that are with `calico-migrator clusters --aws`.",
  });
}

function requireEtcd(migration: string, { name, etcdEndpoints = [] }: RegisteredCluster): void {
  if (isFromEtcd(migration) !== true || etcdEndpoints.length > 0) return;
  throw usageError(
    `the cluster "${name}" is registered without Calico's etcd`,
    `Register it again: \`calico-migrator clusters add ${name} --replace --etcd-endpoints https://HOST:2379 --aws\`, with its kubeconfig.`,
  );
}
