import { delimiter, join, resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import type { Cluster, Embedded } from "../../shared/adapters/embedded/index.ts";
import { ClusterNotFoundError } from "../../shared/adapters/cluster-errors.ts";
import { MigratorError } from "../../shared/errors.ts";
import { resolveContext } from "../../shared/kubernetes/kubeconfig.ts";
import { ClusterConnection, kubeconfigSource } from "../connections.ts";
import type { World } from "../world.ts";
import { optionName } from "./names.ts";

/** How a command line names a cluster and the way to it. */
export const ConnectionFlags = z.object({
  cluster: z.string().optional(),
  kubeconfig: z.string().optional(),
  context: z.string().optional(),
  etcdEndpoints: z.string().optional(),
  etcdCa: z.string().optional(),
  etcdCert: z.string().optional(),
  etcdKey: z.string().optional(),
  etcdServerName: z.string().optional(),
  etcdUsername: z.string().optional(),
  etcdPasswordFile: z.string().optional(),
});
export type ConnectionFlags = z.infer<typeof ConnectionFlags>;

/** Adds the options that name a cluster and the way to it. */
export function withConnectionOptions(command: Command): Command {
  command.optionsGroup("Cluster:");
  command.option("--cluster <name>", "the cluster's name in the store (default: the context's name)");
  return withWayOptions(command);
}

/** Adds the options that say how a cluster is reached. */
export function withWayOptions(command: Command): Command {
  return command
    .optionsGroup("Cluster:")
    .option("--kubeconfig <file>", "the kubeconfig (default: as kubectl finds it)")
    .option("--context <name>", "the context of the kubeconfig (default: the current one)")
    .optionsGroup("etcd:")
    .option("--etcd-endpoints <urls>", "Calico's etcd: one or more URLs, separated by commas")
    .option("--etcd-ca <file>", "the authority of etcd's certificates")
    .option("--etcd-cert <file>", "the client certificate for etcd")
    .option("--etcd-key <file>", "the key of the client certificate")
    .option("--etcd-server-name <name>", "the name in etcd's certificate, if it is not the endpoint's host")
    .option("--etcd-username <name>", "the user of etcd")
    .option("--etcd-password-file <file>", "the file with the password of that user");
}

/** The words that name the same cluster, and the same way to it, on another command line. */
export function wayWords(flags: ConnectionFlags): string[] {
  // What commands add to these flags says nothing about the way to the cluster.
  return Object.entries(ConnectionFlags.parse(flags)).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, value],
  );
}

/** A cluster as the registry keeps it, with its connection parsed. */
export interface NamedConnection {
  name: string;
  connection: ClusterConnection;
}

/**
 * The cluster that a command line means: a registered one when its name is given without a way to its API server, and then
 * etcd's options say where its etcd is; otherwise the one of the options. Paths become absolute, so that a later command
 * works from anywhere.
 */
export async function connectionOf(
  world: Pick<World, "env" | "cwd">,
  flags: ConnectionFlags,
  registered: (name: string) => Promise<Cluster | undefined>,
): Promise<NamedConnection> {
  const { cluster } = flags;
  const etcd = etcdOf(world, flags);
  if (cluster !== undefined && namesRegistered(flags)) {
    const found = await registered(cluster);
    if (found !== undefined) {
      const connection = ClusterConnection.parse(found.connection);
      return { name: cluster, connection: etcd === undefined ? connection : { ...connection, etcd } };
    }
  }
  const { kubeconfig, context, server } = await chosenContext(world, flags);
  const connection = {
    kubeconfig,
    context,
    server: withoutCredentials(server),
    ...(etcd === undefined ? {} : { etcd }),
  };
  return { name: cluster ?? clusterName(context), connection };
}

/** True for a command line that means a registered cluster, if there is one of that name. */
export function namesRegistered({ cluster, kubeconfig, context }: ConnectionFlags): boolean {
  return cluster !== undefined && kubeconfig === undefined && context === undefined;
}

/** The context that a command line chooses, and the files that it is in. Throws what `resolveContext` throws. */
export async function chosenContext(
  world: Pick<World, "env" | "cwd">,
  flags: ConnectionFlags,
): Promise<{ kubeconfig: string[]; context: string; server: string }> {
  const kubeconfig = kubeconfigFiles(world, flags);
  const { name, server } = await resolveContext(kubeconfigSource({ kubeconfig, context: flags.context }));
  return { kubeconfig, context: name, server };
}

/** The files that kubectl would read, made absolute. */
function kubeconfigFiles({ env, cwd }: Pick<World, "env" | "cwd">, flags: ConnectionFlags): string[] {
  if (flags.kubeconfig !== undefined) return [resolve(cwd, flags.kubeconfig)];
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  const files = listed.length > 0 ? listed : [join(env["HOME"] ?? "", ".kube", "config")];
  return files.map((file) => resolve(cwd, file));
}

/** The options about etcd that were given, as they are written. */
export function givenEtcd(flags: ConnectionFlags): string[] {
  return Object.entries(ConnectionFlags.parse(flags))
    .filter(([flag, value]) => flag.startsWith("etcd") && value !== undefined)
    .map(([flag]) => optionName(flag));
}

/** The etcd that a command line names. */
export function etcdOf({ cwd }: Pick<World, "cwd">, flags: ConnectionFlags): ClusterConnection["etcd"] {
  if (flags.etcdEndpoints === undefined) return undefined;
  const file = (path: string | undefined): string | undefined => path && resolve(cwd, path);
  const config = {
    endpoints: flags.etcdEndpoints.split(",").map((endpoint) => endpoint.trim()),
    caFile: file(flags.etcdCa),
    certFile: file(flags.etcdCert),
    keyFile: file(flags.etcdKey),
    serverName: flags.etcdServerName,
    username: flags.etcdUsername,
    passwordFile: file(flags.etcdPasswordFile),
  };
  return ClusterConnection.shape.etcd.parse(
    Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)),
  );
}

/** A context's name with only what a cluster's name may have. */
function clusterName(context: string): string {
  return context.replace(/[^\w.@:/-]/g, "-").slice(0, 253);
}

function withoutCredentials(server: string): string {
  const url = URL.parse(server);
  return url === null ? "" : `${url.origin}${url.pathname}`;
}

/**
 * Puts the cluster into the registry, or renews it there. Throws CLUSTER_DIFFERS where the name stands for another API
 * server: a run that goes on later must not meet another cluster.
 */
export async function register(
  clusters: Embedded["clusters"],
  { name, connection }: NamedConnection,
): Promise<void> {
  const known = await clusters.get(name);
  const before = known === undefined ? undefined : ClusterConnection.parse(known.connection);
  if (before !== undefined && before.server !== connection.server) {
    throw new MigratorError(
      "CLUSTER_DIFFERS",
      `"${name}" stands for the cluster at ${before.server}, not for that at ${connection.server}`,
      {
        next: "Give this cluster a name of its own with --cluster NAME, or remove the other with `calico-migrator clusters remove`.",
      },
    );
  }
  await clusters.add({ ...known, name, connection }, { replace: true });
}

/** The registered connection of a cluster. Throws ClusterNotFoundError. */
export async function registeredConnection(
  clusters: Embedded["clusters"],
  name: string,
): Promise<ClusterConnection> {
  const found = await clusters.get(name);
  if (found === undefined) throw new ClusterNotFoundError(name);
  return ClusterConnection.parse(found.connection);
}
