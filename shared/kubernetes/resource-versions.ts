import { MigratorError } from "../errors.ts";

const DECIMAL = /^[1-9]\d*$/;

/**
 * Below 0 when the first of two resourceVersions of one resource is the older one, 0 when they are the same. They are
 * revisions of etcd (Kubernetes calls them comparable: KEP-5504). Throws KUBERNETES_VERSION_UNKNOWN for anything else, as
 * aggregated API servers may give.
 */
export function compareVersions(a: string, b: string): number {
  const [first, second] = [revision(a), revision(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

function revision(version: string): bigint {
  if (DECIMAL.test(version)) return BigInt(version);
  throw new MigratorError("KUBERNETES_VERSION_UNKNOWN", `resourceVersion "${version}" is not a number`, {
    next: "Name a kubeconfig whose server stores the resources itself: the cluster's own API server.",
    details: { version },
  });
}
