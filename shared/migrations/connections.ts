import type { CalicoEtcd } from "../etcd/types.ts";
import type { JsonObject } from "../json.ts";
import type { AdaptiveLimiter } from "../kubernetes/limiter.ts";
import type { KubernetesApi } from "../kubernetes/types.ts";

/** What a migration works with on one cluster. */
export interface ClusterConnections {
  kubernetes: KubernetesApi;
  /** Bounds and adapts how many requests this process has under way at the API server. */
  limiter: AdaptiveLimiter;
  /** Calico's etcd. Throws ETCD_NOT_CONFIGURED for a cluster without one. */
  etcd: () => CalicoEtcd;
  /**
   * Reads a manifest from a file, a directory or a URL of the user's. Absent in a service: it has no files of the user's,
   * and must not fetch what a message names.
   */
  loadManifests?: (source: string) => Promise<JsonObject[]>;
}
