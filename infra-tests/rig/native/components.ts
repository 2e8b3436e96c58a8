import type { JsonObject } from "../../../shared/json.ts";
import { objectAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { AGGREGATED_SERVICE } from "../../harness/aggregated/publish.ts";
import { waitUntil } from "../../harness/wait.ts";

/** Where Calico's workloads live. */
export type InstallNamespace = "kube-system" | "calico-system";

const NEWEST = "3.34";

interface Workload {
  kind: "DaemonSet" | "Deployment";
  namespace: string;
  name: string;
  image: string;
  hostNetwork: boolean;
}

/** Creates Calico of a generation as a manifest installs it, with the aggregated API server's Deployment; its Service is there already. */
export async function createComponents(
  api: TestApi,
  namespace: InstallNamespace,
  calico = NEWEST,
): Promise<void> {
  const create = (path: string, object: JsonObject) =>
    mustRequest(api, "POST", path, object, { accepted: [409] });
  const metadata = { name: namespace };
  await create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata });
  for (const workload of workloads(namespace)) {
    const account = { name: workload.name, namespace: workload.namespace };
    const accounts = `/api/v1/namespaces/${workload.namespace}/serviceaccounts`;
    await create(accounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: account });
    await create(collectionOf(workload), objectOf(workload, calico));
  }
}

/** Waits until all of it has rolled out on the simulated nodes. */
export async function componentsReady(api: TestApi, namespace: InstallNamespace): Promise<void> {
  for (const workload of workloads(namespace)) {
    const what = `${workload.kind} ${workload.name} is rolled out`;
    await waitUntil({ what, timeoutMs: 120_000, intervalMs: 200 }, async () => {
      const object = await mustRequest(api, "GET", `${collectionOf(workload)}/${workload.name}`);
      return isRolledOut(workload, objectAt(object, "status"));
    });
  }
}

function workloads(namespace: string): Workload[] {
  const controller = (name: string, image: string) =>
    ({ kind: "Deployment", namespace, name, image, hostNetwork: false }) as const;
  return [
    { kind: "DaemonSet", namespace, name: "calico-node", image: "node", hostNetwork: true },
    { ...controller("calico-typha", "typha"), hostNetwork: true },
    controller("calico-kube-controllers", "kube-controllers"),
    { ...controller("calico-apiserver", "apiserver"), namespace: AGGREGATED_SERVICE.namespace },
  ];
}

function collectionOf({ kind, namespace }: Workload): string {
  return `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s`;
}

function objectOf({ kind, namespace, name, image, hostNetwork }: Workload, calico: string): JsonObject {
  const labels = { "k8s-app": name };
  const container = {
    name,
    image: `quay.io/calico/${image}:v${calico}.1`,
    env: [{ name: "DATASTORE_TYPE", value: "kubernetes" }],
  };
  const pod = {
    hostNetwork,
    serviceAccountName: name,
    tolerations: [{ operator: "Exists" }],
    containers: [container],
  };
  const pace =
    kind === "DaemonSet"
      ? { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%" } } }
      : { replicas: 1 };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace, labels },
    spec: { selector: { matchLabels: labels }, ...pace, template: { metadata: { labels }, spec: pod } },
  };
}

function isRolledOut({ kind }: Workload, status: JsonObject): boolean {
  return kind === "DaemonSet"
    ? Number(status["numberAvailable"] ?? 0) > 0 &&
        status["numberAvailable"] === status["desiredNumberScheduled"]
    : Number(status["availableReplicas"] ?? 0) > 0;
}
