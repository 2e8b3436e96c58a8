import { KubernetesClient } from "./client.ts";
import { isKubernetesError } from "./errors.ts";
import { Session, type SessionOptions } from "./session.ts";

/** Milliseconds that the first answer of an API server may take. */
const firstAnswerMs = 15_000;

/** What `connectKubernetes` needs to know. */
export type ConnectOptions = SessionOptions & { signal?: AbortSignal | undefined };

/**
 * Connects to the cluster of a kubeconfig context, found as kubectl finds it, and asks for its version, so that a client
 * in hand is one that works. Authentication is what client-node supports: exec plugins, tokens, token files, client
 * certificates, OIDC.
 *
 * Throws KUBECONFIG_NOT_FOUND, KUBECONFIG_INVALID, KUBECONFIG_CONTEXT_MISSING, KUBERNETES_CREDENTIALS,
 * KUBERNETES_UNREACHABLE (retryable), KUBERNETES_TLS, KUBERNETES_UNAUTHORIZED, and what else `request` throws.
 */
export async function connectKubernetes({ signal, ...options }: ConnectOptions): Promise<KubernetesClient> {
  const client = new KubernetesClient(await Session.open(options));
  try {
    await client.request({ method: "GET", path: "/version", timeoutMs: firstAnswerMs, signal });
  } catch (error) {
    // Hardened clusters keep the version from ordinary users; being told so proves the connection.
    if (!isKubernetesError(error, "KUBERNETES_FORBIDDEN")) {
      await client.close();
      throw error;
    }
  }
  return client;
}
