import { isKubernetesError } from "../../../../kubernetes/errors.ts";
import type { Json, JsonObject } from "../../../../json.ts";
import type { PagesOptions, ResourceRef, Send } from "../../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../../connections.ts";
import type { Unread } from "../facts.ts";
import { inTurn } from "../../../target/calls.ts";
import { readsOf } from "../../../target/reads.ts";
import type { Found } from "./object-judge.ts";

/** Keeps how far a long look has come, for the next one to go on. */
export interface Book {
  /** What was written last, by the same run since it was last resumed; undefined without it. */
  read(): Json | undefined;
  write(at: JsonObject): Promise<void>;
}

/** What looking at a cluster needs. */
export interface Cluster extends Pick<ClusterConnections, "kubernetes" | "limiter"> {
  signal?: AbortSignal | undefined;
  /** Without one, every look begins anew. */
  book?: Book | undefined;
  /** Keeps what was found about single objects. Without it, the first of them are told. */
  keep?: ((found: Found) => Promise<void>) | undefined;
}

/** Sends requests when the cluster's limiter lets them. */
export function sender({ kubernetes, limiter, signal }: Cluster): Send {
  return (request) => inTurn(limiter, () => request(kubernetes), signal);
}

/** The objects of a resource one by one, a page in memory at a time; none where the cluster does not have the resource. */
export async function* objectsOf(
  cluster: Cluster,
  ref: ResourceRef,
  options: PagesOptions = {},
): AsyncGenerator<JsonObject> {
  try {
    for await (const page of readsOf(cluster).pages(ref, { ...options, signal: cluster.signal })) yield* page;
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw error;
  }
}

/** What a look gives, or why the user may not have it. */
export async function ifAllowed<T extends object>(look: () => Promise<T>): Promise<T | Unread> {
  try {
    return await look();
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_FORBIDDEN")) return { unread: error.message };
    throw error;
  }
}
