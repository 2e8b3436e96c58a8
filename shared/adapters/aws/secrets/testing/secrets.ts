import type { ClusterSecret } from "../cluster-secret.ts";

/** A valid secret of a cluster with this token. */
export function secretWithToken(token: string): ClusterSecret {
  return {
    version: 1,
    kubeconfig: JSON.stringify({
      "current-context": "it",
      contexts: [{ name: "it", context: { cluster: "it", user: "it" } }],
      clusters: [{ name: "it", cluster: { server: "https://10.0.0.1:6443" } }],
      users: [{ name: "it", user: { token } }],
    }),
  };
}
