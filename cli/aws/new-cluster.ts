import { readFile } from "node:fs/promises";
import type { ClusterSecret } from "../../shared/adapters/aws/secrets/cluster-secret.ts";
import { errorMessage, MigratorError } from "../../shared/errors.ts";
import { type EtcdConnection, type EtcdMaterial, loadEtcdConfig } from "../../shared/etcd/config.ts";
import { textAt } from "../../shared/kubernetes/fields.ts";
import { type ResolvedContext, resolveContext } from "../../shared/kubernetes/kubeconfig.ts";
import { type StoredCluster, storedClusterOf } from "../../shared/kubernetes/stored-kubeconfig.ts";
import { storedKubeconfigFrom } from "../../shared/kubernetes/stored-kubeconfig-files.ts";
import { type ClusterConnection, kubeconfigSource } from "../connections.ts";
import { usageError } from "../failures.ts";
import type { World } from "../world.ts";
import { serverRules } from "./server-rules.ts";
import { requestToken, type ServiceAccount } from "./service-account-token.ts";

/** Whose credentials are stored, where they are not those of the kubeconfig. */
export interface NewClusterWay {
  /** The name of an EKS cluster, whose tokens are signed when they are needed. */
  eks?: { name: string; region?: string | undefined; roleArn?: string | undefined } | undefined;
  /** A token of this service account is stored. */
  serviceAccount?: (ServiceAccount & { tokenHours: number }) | undefined;
}

/** What is to be stored of a cluster, and what of it people may see. */
export interface NewCluster {
  secret: ClusterSecret;
  server: string;
  etcdEndpoints: string[];
  shown: {
    /** Who the API server will see. */
    user: string;
    /** The paths of what is stored, never its content. */
    fields: string[];
    /** ISO 8601, where the credentials expire. */
    expires?: string;
  };
}

/**
 * Reads what a kubeconfig and the files of etcd hold, and makes the secret of it. Throws what `storedKubeconfigFrom`,
 * `loadEtcdConfig` and `requestToken` throw, and USAGE.
 */
export async function newCluster(
  world: World,
  connection: ClusterConnection,
  { eks, serviceAccount }: NewClusterWay,
): Promise<NewCluster> {
  const etcd = connection.etcd === undefined ? undefined : materialOf(await loadEtcdConfig(connection.etcd));
  const found = await (eks !== undefined
    ? eksPart(connection, eks)
    : serviceAccount === undefined
      ? kubeconfigPart(await storedKubeconfigFrom(kubeconfigSource(connection), serverRules(world)))
      : serviceAccountPart(world, connection, serviceAccount));
  const { shown } = found;
  const etcdFields = Object.keys(etcd ?? {}).map((field) => `etcd.${field}`);
  return {
    server: connection.server,
    etcdEndpoints: etcd?.endpoints ?? [],
    secret: { version: 1, ...found.secret, ...(etcd === undefined ? {} : { etcd }) },
    shown: { ...shown, fields: [...shown.fields, ...etcdFields] },
  };
}

type Part = { secret: Pick<ClusterSecret, "kubeconfig" | "eks">; shown: NewCluster["shown"] };

function kubeconfigPart(stored: StoredCluster): Part {
  return {
    secret: { kubeconfig: stored.kubeconfig() },
    shown: { user: stored.user, fields: [...stored.fields] },
  };
}

async function serviceAccountPart(
  world: World,
  connection: ClusterConnection,
  account: ServiceAccount & { tokenHours: number },
): Promise<Part> {
  const resolved = await withAuthority(await resolveContext(kubeconfigSource(connection)));
  const { token, expires } = await requestToken(world, connection, account);
  const userName = `${account.namespace}/${account.name}`;
  const part = kubeconfigPart(
    storedClusterOf({ ...resolved, userName, user: { token } }, serverRules(world)),
  );
  return { ...part, shown: { ...part.shown, expires } };
}

/** Endpoint and authority are what `aws eks update-kubeconfig` has written; how that asks for tokens does not matter here. */
async function eksPart(
  connection: ClusterConnection,
  { name, region, roleArn }: NonNullable<NewClusterWay["eks"]>,
): Promise<Part> {
  const { server, cluster } = await withAuthority(await resolveContext(kubeconfigSource(connection)));
  const found = region ?? /\.([a-z]{2}(?:-[a-z]+)+-\d{1,2})\.eks\./.exec(server)?.[1];
  if (found === undefined) {
    throw usageError("--eks-region is missing: the endpoint does not tell it", "Give the cluster's region.");
  }
  const eks = {
    clusterName: name,
    region: found,
    endpoint: server,
    certificateAuthorityData: textAt(cluster, "certificate-authority-data"),
    ...(roleArn === undefined ? {} : { roleArn }),
  };
  const fields = Object.keys(eks).map((field) => `eks.${field}`);
  return { secret: { eks }, shown: { user: roleArn ?? "the functions' own roles", fields } };
}

/** The context with the authority's certificate in it rather than in a file. */
async function withAuthority(resolved: ResolvedContext): Promise<ResolvedContext> {
  const { "certificate-authority": file, ...cluster } = resolved.cluster;
  if (typeof file !== "string" || file === "" || textAt(cluster, "certificate-authority-data") !== "") {
    return { ...resolved, cluster };
  }
  const data = await readFile(file, "base64").catch((cause: unknown) => {
    throw new MigratorError(
      "KUBECONFIG_FILE_UNREADABLE",
      `clusters["${resolved.clusterName}"].cluster.certificate-authority ${file}: ${errorMessage(cause)}`,
      { next: "Check the path and the permissions of the file.", details: { file }, cause },
    );
  });
  return { ...resolved, cluster: { ...cluster, "certificate-authority-data": data } };
}

function materialOf({ endpoints, ca, cert, key, serverName, login }: EtcdConnection): EtcdMaterial {
  const material = {
    endpoints: [...endpoints],
    ca: ca?.toString(),
    cert: cert?.toString(),
    key: key?.reveal().toString(),
    serverName,
    username: login?.username,
    password: login?.password.reveal(),
  };
  return Object.fromEntries(
    Object.entries(material).filter(([, value]) => value !== undefined),
  ) as EtcdMaterial;
}
