import type { ResourceRef } from "../../../../kubernetes/types.ts";
import { ownedPage, scannedResources, type Unread } from "../../owners/scan.ts";
import type { Dependants } from "../facts.ts";
import { type Cluster, sender } from "./cluster.ts";

/** Counts the objects that are not Calico's and have owners that are, resource by resource and page by page. */
export async function gatherDependants(cluster: Cluster): Promise<Dependants> {
  const { resources, unread } = await scannedResources(sender(cluster));
  const byResource: Record<string, number> = {};
  const refused: Unread[] = [...unread];
  for (const resource of resources) {
    const { count, problem } = await countIn(cluster, resource);
    if (count > 0) byResource[nameOf(resource)] = count;
    if (problem !== undefined) refused.push(problem);
  }
  return { byResource, unread: refused.map(({ subject, reason }) => `${subject}: ${reason}`) };
}

async function countIn(
  cluster: Cluster,
  resource: ResourceRef,
): Promise<{ count: number; problem: Unread | undefined }> {
  let count = 0;
  let token: string | undefined;
  do {
    cluster.signal?.throwIfAborted();
    const page = await ownedPage(sender(cluster), resource, token);
    count += page.records.length;
    if (page.unread !== undefined) return { count, problem: page.unread };
    token = page.continueToken;
  } while (token !== undefined);
  return { count, problem: undefined };
}

/** As kubectl names a resource: the plural, with its group. */
function nameOf({ apiVersion, plural }: ResourceRef): string {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return group === "" ? plural : `${plural}.${group}`;
}
