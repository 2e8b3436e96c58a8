import type { JsonObject } from "../../../../shared/json.ts";
import { objectsAt } from "../../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../../../harness/api.ts";
import { waitUntil } from "../../../harness/wait.ts";

const NAMESPACE = "tigera-operator";
const GROUP = "operator.tigera.io";
const CRD = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/installations.${GROUP}`;

/** The operator's own Deployment. */
export const OPERATOR_PATH = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/tigera-operator`;

/** Creates what an operator install has besides Calico itself: the operator's Deployment and an Installation. */
export async function installOperator(api: TestApi): Promise<void> {
  const create = (path: string, object: JsonObject) => mustRequest(api, "POST", path, object);
  await create(collectionOf(CRD), installationsCrd());
  await waitUntil({ what: "Installations are served", timeoutMs: 120_000 }, async () => {
    const crd = await mustRequest(api, "GET", CRD);
    return objectsAt(crd, "status", "conditions").some(
      ({ type, status }) => type === "Established" && status === "True",
    );
  });
  await waitUntil({ what: "the Installation is there", timeoutMs: 120_000 }, async () => {
    const installation = {
      apiVersion: `${GROUP}/v1`,
      kind: "Installation",
      metadata: { name: "default" },
      spec: { variant: "Calico" },
    };
    return (await api.request("POST", `/apis/${GROUP}/v1/installations`, installation)).status === 201;
  });
  await create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  const account = { name: "tigera-operator", namespace: NAMESPACE };
  await create(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: account,
  });
  await create(collectionOf(OPERATOR_PATH), deployment());
}

function collectionOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function installationsCrd(): JsonObject {
  const schema = {
    openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `installations.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Cluster",
      names: { plural: "installations", singular: "installation", kind: "Installation" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}

function deployment(): JsonObject {
  const labels = { "k8s-app": "tigera-operator" };
  const container = {
    name: "tigera-operator",
    image: "quay.io/tigera/operator:v1.44.0",
    env: [{ name: "OPERATOR_NAME", value: "tigera-operator" }],
  };
  const pod = {
    hostNetwork: true,
    serviceAccountName: "tigera-operator",
    tolerations: [{ operator: "Exists" }],
    containers: [container],
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "tigera-operator", namespace: NAMESPACE, labels },
    spec: {
      replicas: 1,
      strategy: { type: "Recreate" },
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: pod },
    },
  };
}
