import { readManifestFrom } from "../manifests.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import type { Context } from "./context.ts";

/** The objects of the user's manifest for the Kubernetes datastore; none without one. */
export async function readManifest(context: Context): Promise<JsonObject[]> {
  const { manifest } = context.options;
  return manifest === undefined ? [] : readManifestFrom(context, manifest);
}

/** The objects of the user's manifest for etcd, for the way back; undefined without one. */
export async function readRollbackManifest(context: Context): Promise<JsonObject[] | undefined> {
  const { rollbackManifest } = context.options;
  return rollbackManifest === undefined ? undefined : readManifestFrom(context, rollbackManifest);
}

/** The datastore that a workload's containers are told to use; undefined where none says so. */
export function datastoreType(workload: JsonObject): string | undefined {
  const pod = objectAt(workload, "spec", "template", "spec");
  const containers = [...objectsAt(pod, "containers"), ...objectsAt(pod, "initContainers")];
  const variables = containers.flatMap((container) => objectsAt(container, "env"));
  const named = variables.find((variable) => variable["name"] === "DATASTORE_TYPE");
  return named === undefined ? undefined : textAt(named, "value");
}
