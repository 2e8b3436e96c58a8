import type { RegisteredCluster } from "../../shared/adapters/aws/dynamodb/index.ts";
import { MigratorError } from "../../shared/errors.ts";
import { normalEndpoint } from "../../shared/etcd/endpoint-url.ts";
import type { AwsSession } from "../aws/session.ts";
import type { NamedConnection } from "../options/connection.ts";
import { isFromEtcd } from "../options/migrations/index.ts";
import { notRegistered } from "../start/prepare-aws.ts";

/**
 * Makes sure that what is looked at from here is what functions will work on. Throws CLUSTER_NOT_FOUND, and CLUSTER_DIFFERS where
 * the stack reaches another API server or etcd under this name.
 */
export async function requireRegistered(
  { stack }: Pick<AwsSession, "stack">,
  migration: string,
  cluster: NamedConnection,
): Promise<void> {
  const registered = await stack.clusters.get(cluster.name);
  if (registered === undefined) throw notRegistered(cluster.name);
  const differences = registeredOtherwise(migration, cluster, registered);
  if (differences.length === 0) return;
  const message = `"${cluster.name}" is registered on AWS with another way: ${differences.join("; ")}`;
  throw new MigratorError("CLUSTER_DIFFERS", message, {
    next: "Give the name of this cluster with --cluster NAME, its kubeconfig and its --etcd-endpoints as they were registered, or register it again with `calico-migrator clusters add NAME --replace --aws`.",
  });
}

/** What a stack knows of a cluster that this connection leads elsewhere for, one line for each. */
export function registeredOtherwise(
  migration: string,
  { connection }: NamedConnection,
  { server, etcdEndpoints = [] }: RegisteredCluster,
): string[] {
  const here = connection.etcd?.["endpoints"] ?? [];
  const [asked, known] = [endpointsText([here].flat()), endpointsText(etcdEndpoints)];
  return [
    ...(connection.server === server ? [] : [`API server: here ${connection.server}, on AWS ${server}`]),
    ...(isFromEtcd(migration) !== true || asked === known
      ? []
      : [`--etcd-endpoints: here ${asked}, on AWS ${known}`]),
  ];
}

/** Whatever their order and spelling. */
function endpointsText(endpoints: readonly string[]): string {
  return endpoints.length === 0 ? "none" : [...new Set(endpoints.map(normalEndpoint))].sort().join(",");
}
