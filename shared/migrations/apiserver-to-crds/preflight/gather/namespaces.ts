import { textAt } from "../../../../kubernetes/fields.ts";
import { type Cluster, objectsOf } from "./cluster.ts";

/** The namespaces in which something can be created: not those that are being deleted. */
export async function gatherNamespaces(cluster: Cluster): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for await (const object of objectsOf(
    cluster,
    { apiVersion: "v1", plural: "namespaces" },
    { metadataOnly: true },
  ))
    if (textAt(object, "metadata", "deletionTimestamp") === "") names.add(textAt(object, "metadata", "name"));
  return names;
}
