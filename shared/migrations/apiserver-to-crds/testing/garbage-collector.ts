import type { JsonObject } from "../../../json.ts";
import { orAbsent } from "../../../kubernetes/absent.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { kindInfo, targetKind } from "../../../calico/kinds.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { FakeCluster } from "./fake-cluster.ts";

/**
 * Deletes what the garbage collector of Kubernetes would at once: objects that have owners, of which none is there under the
 * UID of its reference, as the API version of the reference shows it now. Owners that are not Calico's count as there.
 */
export async function collectGarbage(cluster: FakeCluster): Promise<void> {
  for (const [path, object] of cluster.storage.owned()) {
    const owners = objectsAt(object, "metadata", "ownerReferences");
    const present = await Promise.all(owners.map((owner) => isPresent(cluster, object, owner)));
    if (present.some(Boolean)) continue;
    const { apiVersion, plural, namespace, name } = refOf(path, object);
    await orAbsent(cluster.storage.delete({ apiVersion, plural, namespace, name }));
  }
}

function refOf(path: string, object: JsonObject): ObjectRef {
  const apiVersion = textAt(object, "apiVersion");
  const [plural = "", ...names] = path.slice(apiVersion.length + 1).split("/");
  const [first = "", second] = names;
  return second === undefined
    ? { apiVersion, plural, name: first }
    : { apiVersion, plural, namespace: first, name: second };
}

async function isPresent(cluster: FakeCluster, object: JsonObject, owner: JsonObject): Promise<boolean> {
  const apiVersion = textAt(owner, "apiVersion");
  const group = apiVersion.slice(0, apiVersion.indexOf("/"));
  if (group !== "projectcalico.org" && group !== "crd.projectcalico.org") return true;
  const info = kindInfo(textAt(owner, "kind"));
  const plural =
    group === "projectcalico.org" ? targetKind(info, "projectcalico.org/v3").plural : info.plural;
  const name = textAt(owner, "name");
  const ref: ObjectRef = { apiVersion, plural, name };
  const namespace = textAt(object, "metadata", "namespace");
  const found = await orAbsent(cluster.get(info.namespaced ? { ...ref, namespace } : ref));
  return found !== undefined && textAt(found, "metadata", "uid") === textAt(owner, "uid");
}
