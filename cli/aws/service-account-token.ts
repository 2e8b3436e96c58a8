import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";
import { isKubernetesError } from "../../shared/kubernetes/errors.ts";
import type { ClusterConnection } from "../connections.ts";
import type { World } from "../world.ts";

/** A service account of a cluster. */
export interface ServiceAccount {
  namespace: string;
  name: string;
}

const SECONDS_PER_HOUR = 3600;
const Answer = z.object({ status: z.object({ token: z.string().min(1), expirationTimestamp: z.string() }) });

/**
 * Asks the API server, with the kubeconfig's own rights, for a token of a service account. The server may give it a shorter
 * life than is asked for. Throws SERVICE_ACCOUNT_NOT_FOUND, and what connecting throws.
 */
export async function requestToken(
  world: World,
  connection: ClusterConnection,
  { namespace, name, tokenHours }: ServiceAccount & { tokenHours: number },
): Promise<{ token: string; expires: string }> {
  const settings = { concurrency: 1, userAgent: `calico-migrator/${world.version}` };
  const opened = await world.openCluster(connection, settings);
  try {
    const { body } = await opened.connections.kubernetes.request({
      method: "POST",
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}/token`,
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: tokenHours * SECONDS_PER_HOUR },
      },
    });
    const { token, expirationTimestamp } = Answer.parse(body).status;
    return { token, expires: expirationTimestamp };
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw notFound(namespace, name);
    throw error;
  } finally {
    await opened.close();
  }
}

function notFound(namespace: string, name: string): MigratorError {
  return new MigratorError("SERVICE_ACCOUNT_NOT_FOUND", `there is no service account ${namespace}/${name}`, {
    next: `Make it with its rights: \`calico-migrator rbac etcd-to-kubernetes --namespace ${namespace} --service-account ${name} | kubectl apply -f -\`.`,
  });
}
