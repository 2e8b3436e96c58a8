import type { KubernetesClient } from "./client.ts";
import { connectSession } from "./connect-session.ts";
import { CredentialSource } from "./credentials.ts";
import { type KubeconfigSource, resolveContext } from "./kubeconfig.ts";
import type { Access, ReadAccess, SessionOptions } from "./session.ts";

/** What `connectKubernetes` needs to know. */
export type ConnectOptions = KubeconfigSource &
  Omit<SessionOptions, "lookup"> & { signal?: AbortSignal | undefined };

/**
 * Connects to the cluster of a kubeconfig context, found as kubectl finds it, and asks for its version, so that a client
 * in hand is one that works. Authentication is what client-node supports: exec plugins, tokens, token files, client
 * certificates, OIDC.
 *
 * Throws KUBECONFIG_NOT_FOUND, KUBECONFIG_INVALID, KUBECONFIG_CONTEXT_MISSING, KUBERNETES_CREDENTIALS,
 * KUBERNETES_UNREACHABLE (retryable), KUBERNETES_TLS, KUBERNETES_UNAUTHORIZED, and what else `request` throws.
 */
export function connectKubernetes(options: ConnectOptions): Promise<KubernetesClient> {
  return connectSession(accessOfFiles(options), options);
}

/** Reads the files anew each time, but stays with the context of the first time: the current one may change. */
function accessOfFiles(source: KubeconfigSource): ReadAccess {
  let chosen = source.context;
  return async (): Promise<Access> => {
    const resolved = await resolveContext({ ...source, context: chosen });
    chosen = resolved.name;
    const credentials = await CredentialSource.open(resolved);
    const proxy = resolved.cluster["proxy-url"];
    return {
      name: resolved.name,
      server: resolved.server,
      ...(typeof proxy === "string" && proxy !== "" && { proxy }),
      credentials: () => credentials.read(),
    };
  };
}
