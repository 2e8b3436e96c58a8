import type { JsonObject } from "../../../json.ts";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { pageAfterPause } from "../../../kubernetes/pages.ts";
import { versionPath } from "../../../kubernetes/paths.ts";
import type { ListPage, ResourceRef, Send } from "../../../kubernetes/types.ts";
import { managersOfReferences } from "./managers.ts";
import { calicoReferences, isCalicoGroup, type OwnedRecord } from "./references.ts";

/** What could not be looked at, and why. */
export interface Unread {
  /** An API version, or a resource of it as `apiVersion/plural`. */
  subject: string;
  reason: string;
}

/** The resources in which objects with owners may be. */
export interface ScannedResources {
  /** By apiVersion, then plural; each in the version that the server prefers. */
  resources: ResourceRef[];
  unread: Unread[];
}

/** A page of a resource. */
export interface OwnedPage {
  records: OwnedRecord[];
  /** Present while there is more. */
  continueToken?: string;
  /** Why the resource cannot be read at all. */
  unread?: Unread;
}

const pageSize = 500;

/**
 * Every resource of the cluster whose objects can be listed and patched: without Calico's own, and without events, which
 * are the only ones that the garbage collector never looks at (pkg/controller/garbagecollector, ignoredResources). API
 * versions that do not answer, as those of an aggregated server that is down, are told in `unread`.
 */
export async function scannedResources(send: Send): Promise<ScannedResources> {
  const { body } = await send((api) => api.request({ method: "GET", path: "/apis" }));
  const groups = [["v1"], ...objectsAt(body, "groups").filter(isScannedGroup).map(versionsOf)];
  const found = await Promise.all(groups.map((versions) => groupResources(send, versions)));
  const key = ({ apiVersion, plural }: ResourceRef): string => `${apiVersion}/${plural}`;
  return {
    resources: found.flatMap(({ resources }) => resources).sort((a, b) => (key(a) < key(b) ? -1 : 1)),
    unread: found.flatMap(({ unread }) => unread),
  };
}

/**
 * One page of a resource, over all namespaces: its objects that have references to Calico objects. Walks the resource when
 * called again with the token it gives; an object may then come twice, and one that was created meanwhile not at all.
 */
export async function ownedPage(
  send: Send,
  resource: ResourceRef,
  continueToken?: string,
): Promise<OwnedPage> {
  try {
    const page = await listPage(send, resource, continueToken);
    const records = page.items.flatMap((item) => ownedRecord(resource, item));
    return { records, ...(page.continueToken !== undefined && { continueToken: page.continueToken }) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return {
      records: [],
      unread: { subject: `${resource.apiVersion}/${resource.plural}`, reason: error.message },
    };
  }
}

/** What a row keeps of an object; nothing where it has no references to Calico objects. */
export function ownedRecord({ apiVersion, plural }: ResourceRef, object: JsonObject): OwnedRecord[] {
  const references = calicoReferences(object);
  if (references.length === 0) return [];
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  const uid = textAt(object, "metadata", "uid");
  const found = { apiVersion, plural, ...(namespace !== "" && { namespace }), name, uid, references };
  const managers = managersOfReferences(object, references);
  return [managers.length === 0 ? found : { ...found, managers }];
}

function listPage(send: Send, resource: ResourceRef, token: string | undefined): Promise<ListPage> {
  const page = (continueToken: string | undefined): Promise<ListPage> =>
    send((api) => api.list(resource, { limit: pageSize, metadataOnly: true, continueToken }));
  return pageAfterPause(page, token, "onward");
}

function isScannedGroup(group: JsonObject): boolean {
  return !isCalicoGroup(textAt(group, "name"));
}

/** The preferred version first. */
function versionsOf(group: JsonObject): string[] {
  const preferred = textAt(group, "preferredVersion", "groupVersion");
  const all = objectsAt(group, "versions").map((version) => textAt(version, "groupVersion"));
  return [preferred, ...all.filter((version) => version !== preferred)];
}

/** A plural that only an older version has is read in that one. */
async function groupResources(send: Send, versions: readonly string[]): Promise<ScannedResources> {
  const byPlural = new Map<string, ResourceRef>();
  const unread: Unread[] = [];
  for (const apiVersion of versions) {
    try {
      const { body } = await send((api) => api.request({ method: "GET", path: versionPath(apiVersion) }));
      for (const plural of objectsAt(body, "resources").filter(isScanned).map(nameOf)) {
        if (!byPlural.has(plural)) byPlural.set(plural, { apiVersion, plural });
      }
    } catch (error) {
      if (!isUnserved(error)) throw error;
      unread.push({ subject: apiVersion, reason: error.message });
    }
  }
  return { resources: [...byPlural.values()], unread };
}

function isScanned(resource: JsonObject): boolean {
  const { verbs } = resource;
  if (nameOf(resource) === "events" || nameOf(resource).includes("/")) return false;
  return Array.isArray(verbs) && verbs.includes("list") && verbs.includes("patch");
}

function nameOf(resource: JsonObject): string {
  return textAt(resource, "name");
}

/** An aggregated server that is down, or a version that went away on the way. */
function isUnserved(error: unknown): error is KubernetesApiError {
  return error instanceof KubernetesApiError && (error.status === 503 || error.status === 404);
}

/** What does not get better by trying again: forbidden, gone, or not possible for this resource. */
function isRefusal(error: unknown): error is KubernetesApiError {
  return error instanceof KubernetesApiError && [403, 404, 405, 406].includes(error.status);
}
