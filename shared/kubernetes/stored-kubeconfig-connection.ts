import type { KubernetesClient } from "./client.ts";
import { connectSession } from "./connect-session.ts";
import type { Access, ReadAccess, SessionOptions } from "./session.ts";
import { type AddressRules, guardedLookup } from "./stored-kubeconfig-addresses.ts";
import { MigratorError } from "../errors.ts";
import type { StoredCluster } from "./stored-kubeconfig.ts";

/** How to connect with what is stored. */
export type StoredConnectOptions = Omit<SessionOptions, "env" | "lookup"> &
  AddressRules & { signal?: AbortSignal | undefined };

/**
 * Connects by an access that was checked before (`parseStoredKubeconfig`, `checkServer`) and asks for the server's version.
 * Names are resolved here and only checked addresses are connected to, so the environment's proxies are not used.
 * Throws SERVER_ADDRESS_REFUSED, and what `connectKubernetes` throws for a server and its answers.
 */
export async function connectStored(
  readAccess: ReadAccess,
  { allowLoopback, ...options }: StoredConnectOptions,
): Promise<KubernetesClient> {
  try {
    return await connectSession(readAccess, {
      ...options,
      env: {},
      lookup: guardedLookup({ allowLoopback }),
    });
  } catch (error) {
    throw refusedAddressIn(error) ?? error;
  }
}

/** The access that a stored kubeconfig gives. */
export function accessOfStored(stored: StoredCluster): Access {
  return {
    name: stored.context,
    server: stored.server,
    credentials: () => Promise.resolve(stored.credentials()),
  };
}

/** The refusal of an address that made a request fail; callers would only see that no connection came about. */
export function refusedAddressIn(error: unknown): MigratorError | undefined {
  if (!(error instanceof MigratorError)) return undefined;
  return error.code === "SERVER_ADDRESS_REFUSED" ? error : refusedAddressIn(error.cause);
}
