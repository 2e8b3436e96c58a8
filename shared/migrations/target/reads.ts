import { readPages } from "../../kubernetes/pages.ts";
import type { KubernetesApi, KubernetesReads } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import type { AnyContext } from "../context.ts";
import { call, inTurn } from "./calls.ts";

/**
 * The cluster for whatever reads much of it: every request, and every page of a walk, is sent as `call` does. Otherwise one
 * request that the API server puts off has all of them sent again, and a busy API server lets none of these rounds end.
 */
export function reads(context: AnyContext): KubernetesReads {
  return readsBy((request) => call(context, request), context.connections.kubernetes);
}

/** As `reads`, for whoever looks at a cluster and needs no lease for that. */
export function readsOf({
  kubernetes,
  limiter,
  signal,
}: Pick<ClusterConnections, "kubernetes" | "limiter"> & {
  signal?: AbortSignal | undefined;
}): KubernetesReads {
  return readsBy((request) => inTurn(limiter, request, signal), kubernetes);
}

function readsBy(
  send: <T>(request: () => Promise<T>) => Promise<T>,
  kubernetes: KubernetesApi,
): KubernetesReads {
  const reading: KubernetesReads = {
    request: (request) => send(() => kubernetes.request(request)),
    get: (ref, options) => send(() => kubernetes.get(ref, options)),
    list: (ref, options) => send(() => kubernetes.list(ref, options)),
    pages: (ref, options = {}) => readPages(reading, ref, options),
  };
  return reading;
}
