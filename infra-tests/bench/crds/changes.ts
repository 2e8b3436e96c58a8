import { METADATA_ANNOTATION } from "../../../shared/calico/metadata.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { inParallel } from "../../harness/parallel.ts";

const V1 = "/apis/crd.projectcalico.org/v1";
/** An object of each gets a label. */
const LABELLED = ["ipamblocks", "ipamhandles"];
const WRITERS = 8;
/** Of ten changes. */
const CREATIONS = 3;
const DELETIONS = 3;

/** One request that changes the old group. */
export interface Change {
  method: "POST" | "PATCH" | "DELETE";
  path: string;
  body?: JsonObject;
}

/** Changes of the old group, the same for the same policies: 4 updates, 3 deletions and 3 creations of ten. */
export function changesOf(policies: readonly JsonObject[]): Change[] {
  return policies.map((policy, index) => {
    const collection = `${V1}/namespaces/${textAt(policy, "metadata", "namespace")}/networkpolicies`;
    const path = `${collection}/${textAt(policy, "metadata", "name")}`;
    if (index % 10 < CREATIONS) return { method: "POST", path: collection, body: another(policy, index) };
    if (index % 10 < CREATIONS + DELETIONS) return { method: "DELETE", path };
    return { method: "PATCH", path, body: { spec: { order: 4000 + index } } };
  });
}

/** Makes as many changes, a few at a time, as the parts of a running Calico do. Throws an Error where there are too few policies. */
export async function makeChanges(api: TestApi, count: number): Promise<void> {
  const listed = await mustRequest(api, "GET", `${V1}/networkpolicies?limit=${count}`);
  const policies = objectsAt(listed, "items");
  if (policies.length < count)
    throw new Error(`${policies.length} policies are too few for ${count} changes`);
  await inParallel(changesOf(policies), WRITERS, async ({ method, path, body }) => {
    const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    await mustRequest(api, method, path, body, { contentType });
  });
  for (const plural of LABELLED) await label(api, plural);
}

/** Which upstream drops. */
async function label(api: TestApi, plural: string): Promise<void> {
  const listed = await mustRequest(api, "GET", `${V1}/${plural}?limit=1`);
  for (const object of objectsAt(listed, "items")) {
    const path = `${V1}/${plural}/${textAt(object, "metadata", "name")}`;
    const contentType = "application/merge-patch+json";
    const labels = { "bench.example.com/kept": "true" };
    await mustRequest(api, "PATCH", path, { metadata: { labels } }, { contentType });
  }
}

/** The same policy once more, under another name and without owners. */
function another(policy: JsonObject, index: number): JsonObject {
  const tier = textAt(policy, "spec", "tier");
  const name = `${tier === "default" ? "" : `${tier}.`}bench-${index}`;
  const namespace = textAt(policy, "metadata", "namespace");
  const annotations = { [METADATA_ANNOTATION]: JSON.stringify({ name }) };
  return { ...policy, metadata: { name, namespace, annotations } };
}
