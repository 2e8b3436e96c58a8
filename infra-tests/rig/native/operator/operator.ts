import type { JsonObject } from "../../../../shared/json.ts";
import { numberAt, objectAt, objectsAt, textAt } from "../../../../shared/kubernetes/fields.ts";
import { AGGREGATED_SERVICE, API_SERVICE_PATH } from "../../../harness/aggregated/publish.ts";
import { mustRequest, type TestApi } from "../../../harness/api.ts";
import { presentApiService, recreateApiService, startRival } from "../rivals.ts";
import { OPERATOR_PATH } from "./install.ts";
import { startWebhook } from "./webhook.ts";

const EVERY_MS = 250;
const ENV = "CALICO_API_GROUP";
const NATIVE = "projectcalico.org/v3";
const SYSTEM = "/apis/apps/v1/namespaces/calico-system";
const USERS = [
  `${SYSTEM}/daemonsets/calico-node`,
  `${SYSTEM}/deployments/calico-typha`,
  `${SYSTEM}/deployments/calico-kube-controllers`,
];
const API_SERVER = "/apis/apps/v1/namespaces/calico-apiserver/deployments/calico-apiserver";
const SERVICE = `/api/v1/namespaces/${AGGREGATED_SERVICE.namespace}/services/${AGGREGATED_SERVICE.name}`;
const HERE = "localhost";
const NOWHERE = "gone.invalid";
const STRATEGIC = { contentType: "application/strategic-merge-patch+json" };

/** What stands for the operator. */
export interface Operator {
  /** How often it has found something that was not as it installs it. */
  readonly corrected: number;
  stop(): Promise<void>;
}

/**
 * Does to Calico's workloads what tigera-operator does, as long as pods of its Deployment run: it installs the aggregated API
 * server, or, told by CALICO_API_GROUP of its own, has Calico use native objects, and brings a webhook. (tigera/operator,
 * pkg/apis/version.go and pkg/controller/apiserver)
 */
export async function startOperator(api: TestApi): Promise<Operator> {
  const webhook = await startWebhook();
  const [apiService, apiServer] = await Promise.all([
    presentApiService(api),
    mustRequest(api, "GET", API_SERVER).then(asCreated),
  ]);
  const rival = startRival(EVERY_MS, async () => {
    const own = await mustRequest(api, "GET", OPERATOR_PATH);
    if (numberAt(own, "status", "readyReplicas") === 0) return false;
    if (groupOf(own) === NATIVE) {
      await webhook.register(api);
      return useNative(api);
    }
    return useAggregated(api, { apiService, apiServer });
  });
  return {
    get corrected() {
      return rival.undone;
    },
    stop: async () => {
      await rival.stop();
      await webhook.stop();
    },
  };
}

async function useNative(api: TestApi): Promise<boolean> {
  const told = await tellUsers(api, { name: ENV, value: NATIVE });
  await reachApiServer(api, NOWHERE);
  const { body } = await api.request("GET", API_SERVICE_PATH);
  if (objectAt(body, "spec")["service"] !== undefined) {
    const uid = textAt(body, "metadata", "uid");
    await api.request("DELETE", API_SERVICE_PATH, { preconditions: { uid } });
  }
  const removed = (await api.request("DELETE", API_SERVER)).status === 200;
  return told || removed;
}

async function useAggregated(
  api: TestApi,
  { apiService, apiServer }: { apiService: JsonObject; apiServer: JsonObject },
): Promise<boolean> {
  const told = await tellUsers(api, { name: ENV, $patch: "delete" });
  const collection = API_SERVER.slice(0, API_SERVER.lastIndexOf("/"));
  const created = (await api.request("POST", collection, apiServer)).status === 201;
  await reachApiServer(api, HERE);
  const registered = await recreateApiService(api, apiService);
  return told || created || registered;
}

/** The aggregated API server has no pods here: where its Service leads decides whether it is there. */
async function reachApiServer(api: TestApi, externalName: string): Promise<void> {
  const service = await mustRequest(api, "GET", SERVICE);
  if (objectAt(service, "spec")["externalName"] === externalName) return;
  await mustRequest(api, "PATCH", SERVICE, { spec: { externalName } }, STRATEGIC);
}

async function tellUsers(api: TestApi, variable: JsonObject): Promise<boolean> {
  let told = false;
  for (const path of USERS) {
    const workload = await mustRequest(api, "GET", path);
    const [container] = objectsAt(workload, "spec", "template", "spec", "containers");
    if (groupOf(workload) === variable["value"]) continue;
    const containers = [{ name: textAt(container ?? {}, "name"), env: [variable] }];
    await mustRequest(api, "PATCH", path, { spec: { template: { spec: { containers } } } }, STRATEGIC);
    told = true;
  }
  return told;
}

function groupOf(workload: JsonObject): string | undefined {
  const [container = {}] = objectsAt(workload, "spec", "template", "spec", "containers");
  const variable = objectsAt(container, "env").find(({ name }) => name === ENV);
  return variable === undefined ? undefined : textAt(variable, "value");
}

function asCreated(deployment: JsonObject): JsonObject {
  const { name, namespace, labels } = objectAt(deployment, "metadata");
  const { status: _status, ...rest } = deployment;
  return { ...rest, metadata: { name, namespace, labels } };
}
