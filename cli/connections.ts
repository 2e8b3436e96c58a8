import { delimiter } from "node:path";
import { z } from "zod";
import type { Connections } from "../shared/engine/ports.ts";
import { MigratorError } from "../shared/errors.ts";
import { EtcdClient } from "../shared/etcd/client.ts";
import { loadEtcdConfig } from "../shared/etcd/config.ts";
import { connectKubernetes } from "../shared/kubernetes/connection.ts";
import type { KubeconfigSource } from "../shared/kubernetes/kubeconfig.ts";
import { AdaptiveLimiter } from "../shared/kubernetes/limiter.ts";
import { loadManifests } from "../shared/kubernetes/manifests.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";

/** How the registry of clusters keeps a connection: paths and names, never what is in the files. */
export const ClusterConnection = z.object({
  /** One file, or several as in KUBECONFIG. */
  kubeconfig: z.array(z.string()).min(1),
  context: z.string(),
  /** The API server's URL, which tells clusters apart. */
  server: z.string(),
  /** As of the etcd client's configuration, which checks it. */
  etcd: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
});
export type ClusterConnection = z.infer<typeof ClusterConnection>;

/** How this process connects. */
export interface ConnectionSettings {
  /** The most requests under way at one API server. */
  concurrency: number;
  userAgent: string;
}

/** Connections to one cluster, and what ends them. */
export interface OpenedCluster {
  connections: ClusterConnections;
  close: () => Promise<void>;
}

/** Opens connections to a cluster. */
export type OpenCluster = (
  connection: ClusterConnection,
  settings: ConnectionSettings,
) => Promise<OpenedCluster>;

/** Where a kubeconfig is read from, in the terms of the Kubernetes client. */
export function kubeconfigSource(
  from: Pick<ClusterConnection, "kubeconfig"> & { context?: string | undefined },
): KubeconfigSource {
  const { kubeconfig, context } = from;
  if (kubeconfig.length === 1) return { kubeconfig: kubeconfig[0], context };
  return { env: { ...process.env, KUBECONFIG: kubeconfig.join(delimiter) }, context };
}

/**
 * Connects to the API server, and prepares the etcd client, which connects when it is first used. Throws what
 * `connectKubernetes` and `loadEtcdConfig` throw.
 */
export const openCluster: OpenCluster = async (connection, settings) => {
  const etcdConfig = connection.etcd === undefined ? undefined : await loadEtcdConfig(connection.etcd);
  const { concurrency, userAgent } = settings;
  const kubernetes = await connectKubernetes({
    ...kubeconfigSource(connection),
    userAgent,
    connections: concurrency,
  });
  const limiter = new AdaptiveLimiter({ max: concurrency });
  let etcd: EtcdClient | undefined;
  const openEtcd = (): EtcdClient => {
    if (etcdConfig === undefined) throw etcdNotConfigured();
    etcd ??= EtcdClient.connect(etcdConfig);
    return etcd;
  };
  return {
    connections: { kubernetes, limiter, etcd: openEtcd, loadManifests },
    close: async () => {
      etcd?.close();
      await kubernetes.close();
    },
  };
};

function etcdNotConfigured(): MigratorError {
  return new MigratorError("ETCD_NOT_CONFIGURED", "the cluster is registered without an etcd", {
    next: "Register it again with its etcd: `calico-migrator clusters add NAME --replace --kubeconfig FILE --etcd-endpoints https://HOST:2379`.",
  });
}

/** Connections to registered clusters: opened when first asked for, shared, and closed together. */
export class RegistryConnections implements Connections<ClusterConnections> {
  readonly #connectionOf: (cluster: string) => Promise<ClusterConnection>;
  readonly #open: (connection: ClusterConnection) => Promise<OpenedCluster>;
  readonly #opened = new Map<string, Promise<OpenedCluster>>();

  constructor(
    connectionOf: (cluster: string) => Promise<ClusterConnection>,
    open: (connection: ClusterConnection) => Promise<OpenedCluster>,
  ) {
    this.#connectionOf = connectionOf;
    this.#open = open;
  }

  /** Throws ClusterNotFoundError, and what opening the cluster throws; the next call tries again then. */
  async open(cluster: string): Promise<ClusterConnections> {
    const opened = this.#opened.get(cluster) ?? this.#connect(cluster);
    this.#opened.set(cluster, opened);
    return (await opened).connections;
  }

  /** Closes everything that was opened. */
  async close(): Promise<void> {
    for (const opening of this.#opened.values()) {
      // What could not be opened needs no closing, and was told to whoever asked for it.
      const opened = await opening.catch(() => undefined);
      await opened?.close();
    }
  }

  #connect(cluster: string): Promise<OpenedCluster> {
    const opening = this.#connectionOf(cluster).then(this.#open);
    opening.catch(() => this.#opened.delete(cluster));
    return opening;
  }
}
