import { isJsonObject, type Json, type JsonObject } from "../../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "./api.ts";
import { inParallel } from "./parallel.ts";
import { waitUntil } from "./wait.ts";

/** Creates core/v1 Nodes that do not exist yet, without waiting for a kubelet. */
export async function createNodes(api: TestApi, names: readonly string[]): Promise<void> {
  await inParallel(names, 16, async (name) => {
    const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" };
    const node = { apiVersion: "v1", kind: "Node", metadata: { name, labels } };
    await mustRequest(api, "POST", "/api/v1/nodes", node, { accepted: [409] });
  });
}

/** Waits until every one of at least `count` nodes is ready and may be scheduled to. */
export async function waitForReadyNodes(api: TestApi, count: number): Promise<void> {
  await waitUntil({ what: `${count} nodes are ready`, timeoutMs: 120_000 + count * 500 }, async () => {
    const { items } = await mustRequest(api, "GET", "/api/v1/nodes");
    return Array.isArray(items) && items.length >= count && items.every(isUsable);
  });
}

/**
 * Makes the fake kubelets look again at pods that are on their way. KWOK drops what it was doing for a pod when the API
 * server dies in the middle of it, and takes it up only when the pod changes; a kubelet would go on.
 */
export async function nudgePods(api: TestApi): Promise<void> {
  const pods = await waitUntil({ what: "pods can be listed", timeoutMs: 120_000 }, () =>
    mustRequest(api, "GET", "/api/v1/pods"),
  );
  await inParallel(objectsAt(pods, "items").filter(isOnItsWay), 4, async (pod) => {
    const [namespace, name] = [textAt(pod, "metadata", "namespace"), textAt(pod, "metadata", "name")];
    const body = { metadata: { annotations: { "calico-migrator.test/nudged": new Date().toISOString() } } };
    const options = { contentType: "application/merge-patch+json", accepted: [404] };
    await mustRequest(api, "PATCH", `/api/v1/namespaces/${namespace}/pods/${name}`, body, options);
  });
}

function isOnItsWay(pod: JsonObject): boolean {
  return "deletionTimestamp" in objectAt(pod, "metadata") || objectAt(pod, "status")["phase"] === "Pending";
}

function isUsable(node: Json): boolean {
  if (!isJsonObject(node)) return false;
  const { conditions } = member(node, "status");
  const ready =
    Array.isArray(conditions) &&
    conditions.some((each) => isJsonObject(each) && each["type"] === "Ready" && each["status"] === "True");
  return ready && member(node, "spec")["taints"] === undefined;
}

function member(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isJsonObject(value) ? value : {};
}
