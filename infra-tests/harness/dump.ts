import { Range } from "etcd3";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { TestApi } from "./api.ts";
import { mustRequest } from "./api.ts";
import { type EtcdAddress, withEtcdClient } from "./etcd-kv.ts";
import { inParallel } from "./parallel.ts";
import { Snapshot } from "./snapshot.ts";

const PAGE = 1_000;

/** Reads every key under a prefix. JSON values are compared by meaning (member order does not count), others by byte. */
export async function dumpEtcd(etcd: EtcdAddress, prefix = "/calico/"): Promise<Snapshot> {
  return withEtcdClient(etcd, async (client) => {
    const entries: [string, string][] = [];
    const { end } = Range.prefix(prefix);
    for (let start: Buffer = Buffer.from(prefix); ;) {
      const { kvs, more } = await client
        .getAll()
        .inRange({ start, end })
        .limit(PAGE)
        .sort("Key", "Ascend")
        .exec();
      entries.push(...kvs.map(({ key, value }): [string, string] => [key.toString(), canonicalText(value)]));
      const last = kvs.at(-1);
      if (!more || last === undefined) return new Snapshot(entries);
      start = Buffer.concat([last.key, Buffer.from([0])]);
    }
  });
}

function canonicalText(value: Buffer): string {
  try {
    return canonicalJson(JSON.parse(value.toString()) as Json);
  } catch {
    return `base64:${value.toString("base64")}`;
  }
}

/** What to read of a cluster. */
export interface KubernetesDumpOptions {
  /** Paths of collections, such as /api/v1/nodes, and of API groups, such as /apis/apps/v1, of which all is read. */
  paths?: readonly string[];
  /** True keeps metadata.creationTimestamp. Default false. */
  times?: boolean;
}

/** Where a migration of Calico's data may leave traces. */
const DEFAULT_PATHS = [
  "/apis/crd.projectcalico.org/v1",
  "/apis/projectcalico.org/v3",
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  "/apis/apps/v1/daemonsets",
  "/apis/apps/v1/deployments",
  "/api/v1/nodes",
  "/api/v1/namespaces",
  "/api/v1/configmaps",
  "/api/v1/serviceaccounts",
];

/**
 * Reads objects of a cluster without what the server adds or controllers report: uid, resourceVersion, generation,
 * managedFields and status go. A group that is not served counts as empty.
 */
export async function dumpKubernetes(api: TestApi, options: KubernetesDumpOptions = {}): Promise<Snapshot> {
  const entries: [string, string][] = [];
  const collections = await Promise.all(
    (options.paths ?? DEFAULT_PATHS).map((path) => collectionsOf(api, path)),
  );
  await inParallel(collections.flat(), 4, async (path) => {
    for await (const item of items(api, path)) {
      const { namespace, name } = metadataOf(item);
      const id = [path, namespace, name].filter((part) => typeof part === "string").join("/");
      entries.push([id, canonicalJson(normalised(item, options.times === true))]);
    }
  });
  return new Snapshot(entries);
}

// A path with a plural is a collection itself; one that ends in a version stands for all collections of its group.
async function collectionsOf(api: TestApi, path: string): Promise<string[]> {
  if (!/\/v\d+[a-z0-9]*$/.test(path)) return [path];
  const { resources } = await mustRequest(api, "GET", path, undefined, { accepted: [404] });
  return (Array.isArray(resources) ? resources : [])
    .map((resource) => (isJsonObject(resource) ? resource["name"] : undefined))
    .filter((plural) => typeof plural === "string")
    .filter((plural) => !plural.includes("/"))
    .map((plural) => `${path}/${plural}`);
}

async function* items(api: TestApi, path: string): AsyncGenerator<JsonObject> {
  let token = "";
  do {
    const query = `limit=${PAGE}&continue=${encodeURIComponent(token)}`;
    const list = await mustRequest(api, "GET", `${path}?${query}`, undefined, { accepted: [404] });
    yield* (Array.isArray(list["items"]) ? list["items"] : []).filter(isJsonObject);
    const next = metadataOf(list)["continue"];
    token = typeof next === "string" ? next : "";
  } while (token !== "");
}

function normalised(item: JsonObject, times: boolean): JsonObject {
  const { status, ...rest } = item;
  const { uid, resourceVersion, generation, managedFields, creationTimestamp, ...metadata } =
    metadataOf(item);
  const kept = Object.entries(metadata).filter(([, value]) => !isEmpty(value));
  return { ...rest, metadata: { ...Object.fromEntries(kept), ...(times ? { creationTimestamp } : {}) } };
}

// The server may answer {} or nothing for labels that were all removed.
function isEmpty(value: Json | undefined): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}

function metadataOf(object: JsonObject): JsonObject {
  const { metadata } = object;
  return isJsonObject(metadata) ? metadata : {};
}
