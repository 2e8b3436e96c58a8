import { MigratorError } from "../../../errors.ts";
import type { EtcdConnection } from "../../../etcd/config.ts";
import type { EtcdClient as Client } from "../../../etcd/client.ts";
import type { CalicoEtcd } from "../../../etcd/types.ts";
import { AdaptiveLimiter } from "../../../kubernetes/limiter.ts";
import type { Access } from "../../../kubernetes/session.ts";
import type { AddressRules } from "../../../kubernetes/stored-kubeconfig-addresses.ts";
import { accessOfStored, connectStored } from "../../../kubernetes/stored-kubeconfig-connection.ts";
import type { ClusterConnections } from "../../../migrations/connections.ts";
import type { CheckedClusterSecret } from "./checked-secret.ts";
import type { EksTokenSource } from "./eks-tokens.ts";
import { resolveEndpoints } from "./resolve-endpoints.ts";

/** Connections to one cluster, and what ends them. */
export interface OpenedCluster {
  connections: ClusterConnections;
  close: () => Promise<void>;
}

/** How to connect. */
export interface OpenSettings extends AddressRules {
  /** The most requests under way at the API server. */
  concurrency: number;
  userAgent: string;
  eksToken: EksTokenSource;
}

/**
 * Connects to the API server, and prepares the etcd client, which connects when it is first used. When the API server
 * refuses the credentials, `renew` reads the secret again, and the request goes out once more with what it says then.
 * Throws SERVER_ADDRESS_REFUSED, what `connectStored` and `renew` throw, and what etcd's client throws when it is used.
 */
export async function openCluster(
  secret: CheckedClusterSecret,
  renew: () => Promise<CheckedClusterSecret>,
  settings: OpenSettings,
): Promise<OpenedCluster> {
  const { concurrency, userAgent, allowLoopback } = settings;
  let first: CheckedClusterSecret | undefined = secret;
  const readAccess = async (): Promise<Access> => {
    const isRenewal = first === undefined;
    const current = first ?? (await renew());
    first = undefined;
    return accessOf(current, settings.eksToken, isRenewal);
  };
  const etcd = await prepareEtcd(secret.etcd, { allowLoopback });
  const kubernetes = await connectStored(readAccess, { connections: concurrency, userAgent, allowLoopback });
  return {
    connections: { kubernetes, limiter: new AdaptiveLimiter({ max: concurrency }), etcd: etcd.open },
    close: async () => {
      etcd.close();
      await kubernetes.close();
    },
  };
}

function accessOf(
  { kubernetes }: CheckedClusterSecret,
  eksToken: EksTokenSource,
  isRenewal: boolean,
): Access {
  if (kubernetes.kind === "kubeconfig") return accessOfStored(kubernetes.stored);
  const { eks, ca } = kubernetes;
  let renew = isRenewal;
  return {
    name: eks.clusterName,
    server: eks.endpoint,
    credentials: async () => {
      const token = await eksToken(eks, { renew });
      renew = false;
      return { headers: { authorization: `Bearer ${token}` }, tls: { ca } };
    },
  };
}

/** The client is loaded for clusters with an etcd alone: gRPC takes long to start. */
async function prepareEtcd(
  connection: EtcdConnection | undefined,
  rules: AddressRules,
): Promise<{ open: () => CalicoEtcd; close: () => void }> {
  if (connection === undefined) {
    return {
      open: () => {
        throw etcdNotConfigured();
      },
      close: () => undefined,
    };
  }
  const addresses = await resolveEndpoints(connection.endpoints, rules);
  const { EtcdClient } = await import("../../../etcd/client.ts");
  let client: Client | undefined;
  return {
    open: () => (client ??= EtcdClient.connect(connection, { addresses })),
    close: () => client?.close(),
  };
}

function etcdNotConfigured(): MigratorError {
  return new MigratorError("ETCD_NOT_CONFIGURED", "the cluster was added without an etcd", {
    next: "Add it again with its etcd: `calico-migrator clusters add NAME --replace --kubeconfig FILE --etcd-endpoints https://HOST:2379 --aws`.",
  });
}
