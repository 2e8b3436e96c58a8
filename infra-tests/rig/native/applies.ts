import assert from "node:assert/strict";
import { NATIVE_KINDS } from "../../../shared/calico/native/native-kinds.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { API_SERVICE_PATH } from "../../harness/aggregated/publish.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { waitUntil } from "../../harness/wait.ts";
import type { NativeBed } from "./bed.ts";

const V3 = "/apis/projectcalico.org/v3";
const OLD = "/apis/crd.projectcalico.org/v1";
const PLURALS = [...NATIVE_KINDS.map(({ plural }) => plural), "clusterinformations"];

/** Who applies: what GitOps tools call themselves. */
const APPLIER = "kustomize-controller";

/** Where an applier keeps its objects. */
export type Group = typeof V3 | typeof OLD;
export const GROUPS = { old: OLD, native: V3 } as const;

/** Applies a GlobalNetworkSet as a GitOps tool does, never taking what others own. */
export async function applySet(
  api: TestApi,
  group: Group,
  name: string,
  content: { nets: readonly string[]; labels?: Readonly<Record<string, string>> },
  options: { manager?: string; force?: boolean } = {},
): Promise<JsonObject> {
  const { manager = APPLIER, force = false } = options;
  const metadata = { name, ...(content.labels && { labels: { ...content.labels } }) };
  const apiVersion = group.slice("/apis/".length);
  const object = { apiVersion, kind: "GlobalNetworkSet", metadata, spec: { nets: [...content.nets] } };
  const path = `${group}/globalnetworksets/${name}?fieldManager=${manager}&force=${String(force)}`;
  const contentType = "application/apply-patch+yaml";
  return mustRequest(api, "PATCH", path, JSON.stringify(object), { contentType });
}

/** The managed fields of every native object that tell of a run or of the second version; none may. */
export async function traces(api: TestApi): Promise<string[]> {
  const found: string[] = [];
  for (const plural of PLURALS)
    for (const item of await itemsOf(api, plural))
      for (const entry of objectsAt(item, "metadata", "managedFields")) {
        const [manager, version] = [textAt(entry, "manager"), textAt(entry, "apiVersion")];
        if (/^calico-migrator/.test(manager) || version !== "projectcalico.org/v3")
          found.push(`${plural} ${textAt(item, "metadata", "name")}: ${manager} ${version}`);
      }
  return found;
}

/** An API server that has only begun to serve a resource answers 429 until its cache is full. */
async function itemsOf(api: TestApi, plural: string): Promise<JsonObject[]> {
  const list = await waitUntil({ what: `${plural} can be listed`, timeoutMs: 60_000 }, () =>
    mustRequest(api, "GET", `${V3}/${plural}`),
  );
  return objectsAt(list, "items");
}

/** Every native object takes a server-side apply; the second version's name made it answer 500. */
export async function assertAppliable(api: TestApi): Promise<void> {
  const contentType = "application/apply-patch+yaml";
  for (const { plural, kind } of NATIVE_KINDS)
    for (const item of await itemsOf(api, plural)) {
      const [name, namespace] = ["name", "namespace"].map((field) => textAt(item, "metadata", field));
      const place = namespace === undefined || namespace === "" ? "" : `namespaces/${namespace}/`;
      const metadata = { name, annotations: { "example.org/applied": "yes" } };
      const object = { apiVersion: "projectcalico.org/v3", kind, metadata };
      const path = `${V3}/${place}${plural}/${name ?? ""}?fieldManager=someone&dryRun=All`;
      const answer = await api.request("PATCH", path, JSON.stringify(object), contentType);
      // Some lack what their kind requires, and are refused for that.
      assert.ok(answer.status < 500, `${path}: ${answer.status} ${JSON.stringify(answer.body["message"])}`);
    }
}

/** Who manages an object, without times. */
export function managersOf(object: JsonObject): JsonObject[] {
  return objectsAt(object, "metadata", "managedFields").map(({ time, ...entry }) => entry);
}

/** Does something while the native CRDs serve projectcalico.org/v3, as they do before an aggregated API server is installed. */
export async function whileNative<T>({ api, aggregated }: NativeBed, act: () => Promise<T>): Promise<T> {
  await mustRequest(api, "DELETE", API_SERVICE_PATH);
  await waitUntil({ what: "the native CRDs serve projectcalico.org/v3", timeoutMs: 60_000 }, async () => {
    const { body } = await api.request("GET", API_SERVICE_PATH);
    const isLocal = objectAt(body, "metadata", "labels")["kube-aggregator.kubernetes.io/automanaged"];
    return isLocal !== undefined && (await api.request("GET", `${V3}/ipamhandles`)).status === 200;
  });
  try {
    return await act();
  } finally {
    await aggregated.publish();
  }
}
