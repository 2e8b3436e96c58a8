import type { TestApi } from "../api.ts";
import { publishAggregated } from "./publish.ts";
import { type AggregatedServer, serveAggregated } from "./server.ts";

/** An aggregated API server behind the aggregation layer of a cluster. */
export interface AggregatedApi extends AggregatedServer {
  /** Publishes it (again), as an operator does that finds its APIService missing; returns when it serves. */
  publish(): Promise<void>;
}

/**
 * Starts an API server that serves projectcalico.org/v3 out of the objects of crd.projectcalico.org/v1, and publishes it
 * in the cluster of `api`: the CRDs of the old group must be there.
 */
export async function startAggregatedApi(api: TestApi): Promise<AggregatedApi> {
  const server = await serveAggregated(api);
  const publish = () => publishAggregated(api, server.port);
  try {
    await publish();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { ...server, publish };
}
