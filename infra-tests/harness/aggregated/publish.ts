import type { JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../api.ts";
import { waitUntil } from "../wait.ts";
import { SERVED_VERSION } from "./kinds.ts";

/** The namespace of the aggregated API server and the name of its Service, as Calico's manifests have them. */
export const AGGREGATED_SERVICE = { namespace: "calico-apiserver", name: "calico-api" };

/** The path of the APIService that hands projectcalico.org/v3 to the aggregated API server. */
export const API_SERVICE_PATH = "/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org";

const [GROUP = "", VERSION = ""] = SERVED_VERSION.split("/");
const AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged";

/**
 * Publishes the server on a port of this machine as projectcalico.org/v3, in place of the CRDs if they serve it, and
 * returns when kube-apiserver hands requests on. Nothing is changed when it does already.
 */
export async function publishAggregated(api: TestApi, port: number): Promise<void> {
  const { namespace, name } = AGGREGATED_SERVICE;
  const create = (path: string, object: JsonObject) =>
    mustRequest(api, "POST", path, object, { accepted: [409] });
  await create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  await create(`/api/v1/namespaces/${namespace}/services`, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    // kube-apiserver dials it by name, so that it reaches the server outside of the cluster.
    spec: { type: "ExternalName", externalName: "localhost" },
  });
  await waitUntil({ what: "the aggregated APIService is there", timeoutMs: 120_000 }, () =>
    claimGroup(api, port),
  );
  await waitUntil({ what: "projectcalico.org/v3 is served by the aggregated API", timeoutMs: 60_000 }, () =>
    isServed(api),
  );
}

// An APIService that kube-apiserver made for the CRDs stands in the way, and may come again in between.
async function claimGroup(api: TestApi, port: number): Promise<boolean> {
  const found = await api.request("GET", API_SERVICE_PATH);
  if (found.status === 200 && objectAt(found.body, "spec")["service"] !== undefined) return true;
  if (objectAt(found.body, "metadata", "labels")[AUTOMANAGED] !== undefined) {
    const uid = textAt(found.body, "metadata", "uid");
    await api.request("DELETE", API_SERVICE_PATH, { preconditions: { uid } });
  }
  const collection = API_SERVICE_PATH.slice(0, API_SERVICE_PATH.lastIndexOf("/"));
  return (await api.request("POST", collection, apiService(port))).status === 201;
}

function apiService(port: number): JsonObject {
  return {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: `${VERSION}.${GROUP}` },
    spec: {
      group: GROUP,
      version: VERSION,
      groupPriorityMinimum: 1500,
      versionPriority: 200,
      insecureSkipTLSVerify: true,
      service: { ...AGGREGATED_SERVICE, port },
    },
  };
}

async function isServed(api: TestApi): Promise<boolean> {
  const { body } = await api.request("GET", API_SERVICE_PATH);
  const available = objectsAt(body, "status", "conditions").some(
    ({ type, status }) => type === "Available" && status === "True",
  );
  return available && (await api.request("GET", `/apis/${SERVED_VERSION}/tiers?limit=1`)).status === 200;
}
