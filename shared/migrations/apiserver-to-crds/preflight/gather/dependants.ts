import { z } from "zod";
import type { ResourceRef } from "../../../../kubernetes/types.ts";
import { OwnedRecord } from "../../owners/references.ts";
import { ownedPage, scannedResources, type Unread } from "../../owners/scan.ts";
import type { Dependants } from "../facts.ts";
import { type Cluster, sender } from "./cluster.ts";

/** How far the walk has come. */
const Walk = z.object({
  /** What is still to be looked at. */
  resources: z.array(z.object({ apiVersion: z.string(), plural: z.string() })),
  /** Where in the first of them. */
  continueToken: z.string().optional(),
  byResource: z.record(z.string(), z.int()),
  unread: z.array(z.string()),
  /** The first of each resource, to try on it what is done to all. */
  first: z.array(OwnedRecord).default([]),
});
type Walk = z.infer<typeof Walk>;

/** A page holds 500 objects and takes at most some tenths of a second: what is lost when a walk is cut off is little. */
const PAGES_BETWEEN_SAVES = 20;

/**
 * Counts the objects that are not Calico's and have owners that are, resource by resource and page by page. The walk goes over
 * the whole cluster: cut off by the signal, it goes on where the cluster's book says, once it is called again.
 */
export async function gatherDependants(
  cluster: Cluster,
): Promise<Dependants & { first: readonly OwnedRecord[] }> {
  const { book } = cluster;
  let walk = Walk.safeParse(book?.read()).data ?? (await begin(cluster));
  for (let pages = 1; ; pages++) {
    const [resource] = walk.resources;
    if (resource === undefined) break;
    cluster.signal?.throwIfAborted();
    walk = await nextPage(cluster, walk, resource);
    if (pages % PAGES_BETWEEN_SAVES === 0) await book?.write(walk);
  }
  await book?.write(walk);
  return { byResource: walk.byResource, unread: walk.unread, first: walk.first };
}

async function begin(cluster: Cluster): Promise<Walk> {
  const { resources, unread } = await scannedResources(sender(cluster));
  return {
    resources: resources.map(({ apiVersion, plural }) => ({ apiVersion, plural })),
    byResource: {},
    unread: unread.map(describe),
    first: [],
  };
}

async function nextPage(cluster: Cluster, walk: Walk, resource: ResourceRef): Promise<Walk> {
  const { records, unread, continueToken } = await ownedPage(sender(cluster), resource, walk.continueToken);
  const before = walk.byResource[nameOf(resource)] ?? 0;
  const counted = before + records.length;
  return {
    resources: continueToken === undefined ? walk.resources.slice(1) : walk.resources,
    ...(continueToken !== undefined && { continueToken }),
    byResource: counted === 0 ? walk.byResource : { ...walk.byResource, [nameOf(resource)]: counted },
    unread: unread === undefined ? walk.unread : [...walk.unread, describe(unread)],
    first: before === 0 ? [...walk.first, ...records.slice(0, 1)] : walk.first,
  };
}

function describe({ subject, reason }: Unread): string {
  return `${subject}: ${reason}`;
}

/** As kubectl names a resource: the plural, with its group. */
function nameOf({ apiVersion, plural }: ResourceRef): string {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return group === "" ? plural : `${plural}.${group}`;
}
