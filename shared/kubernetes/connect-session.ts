import { KubernetesClient } from "./client.ts";
import { isKubernetesError } from "./errors.ts";
import { type ReadAccess, Session, type SessionOptions } from "./session.ts";

/** Milliseconds that the first answer of an API server may take. */
const firstAnswerMs = 15_000;

/**
 * Connects by an access and asks for the server's version, so that a client in hand is one that works. Throws what
 * `readAccess` and `request` throw.
 */
export async function connectSession(
  readAccess: ReadAccess,
  { signal, ...options }: SessionOptions & { signal?: AbortSignal | undefined },
): Promise<KubernetesClient> {
  const client = new KubernetesClient(await Session.open(readAccess, options));
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
