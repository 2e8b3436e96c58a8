import { nativeApiService } from "../../kubernetes/api-services.ts";
import { readApiService } from "../../kubernetes/api-services-calls.ts";
import { SECOND_VERSION } from "../../kubernetes/second-version.ts";
import type { ClusterConnections } from "../connections.ts";
import type { AnyContext } from "../context.ts";
import { call, orAbsent } from "../target/calls.ts";

const PROBE = "clusterinformations";

/**
 * The apiVersion that shows native objects at this moment: whatever the run has done, others may have put the APIService back.
 * Undefined where none does, as an aggregated API server hides them, or their CRDs are not there.
 */
export async function shownVersion(context: AnyContext): Promise<string | undefined> {
  const send = <T>(request: (api: ClusterConnections["kubernetes"]) => Promise<T>): Promise<T> =>
    call(context, () => request(context.connections.kubernetes));
  const { served } = await readApiService(send, nativeApiService);
  const version = `projectcalico.org/${served === "aggregated" ? SECOND_VERSION : "v3"}`;
  return (await isServed(context, version)) ? version : undefined;
}

/** True where the API server serves Calico's kinds in this version. */
export async function isServed(context: AnyContext, apiVersion: string): Promise<boolean> {
  const { kubernetes } = context.connections;
  const page = call(context, () =>
    kubernetes.list({ apiVersion, plural: PROBE }, { limit: 1, metadataOnly: true }),
  );
  return (await orAbsent(page)) !== undefined;
}
