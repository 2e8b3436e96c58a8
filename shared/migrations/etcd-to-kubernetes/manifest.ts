import { buffer } from "node:stream/consumers";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import { parseManifests } from "../../kubernetes/manifests.ts";
import type { StageContext } from "../../engine/migration.ts";
import type { ClusterConnections } from "../connections.ts";
import type { Context } from "./context.ts";

/** What a source begins with that is an artifact, for workers that cannot read the user's files. */
export const ARTIFACT_SOURCE = "artifact:";

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

/** What reading a manifest needs of a context, whatever the migration. */
type ManifestContext = Pick<StageContext<ClusterConnections, unknown>, "artifacts" | "connections">;

/**
 * The objects of a manifest: an artifact, or a file, a directory or a URL of the user's. Throws MANIFEST_SOURCE_REFUSED in a
 * service for anything but an artifact, and MANIFEST_HAS_SECRET.
 */
export async function readManifestFrom(context: ManifestContext, source: string): Promise<JsonObject[]> {
  const objects = await (source.startsWith(ARTIFACT_SOURCE)
    ? readArtifact(context, source.slice(ARTIFACT_SOURCE.length))
    : readOwn(context, source));
  refuseSecrets(source, objects);
  return objects;
}

async function readOwn({ connections }: ManifestContext, source: string): Promise<JsonObject[]> {
  if (connections.loadManifests !== undefined) return connections.loadManifests(source);
  throw new MigratorError(
    "MANIFEST_SOURCE_REFUSED",
    `${source} is no artifact, and a service reads nothing else`,
    {
      next: "Start the run with `calico-migrator start --aws`, which stores the manifest as an artifact.",
    },
  );
}

async function readArtifact({ artifacts }: ManifestContext, name: string): Promise<JsonObject[]> {
  const content = await buffer(artifacts.read(name));
  return parseManifests(name, [{ name, text: content.toString("utf8") }]);
}

/** Throws MANIFEST_HAS_SECRET: what a manifest would change has to be kept for the way back, and secrets are not kept. */
export function refuseSecrets(source: string, objects: readonly JsonObject[]): void {
  const secret = objects.find(({ kind }) => kind === "Secret");
  if (secret === undefined) return;
  throw new MigratorError(
    "MANIFEST_HAS_SECRET",
    `${source} holds the Secret "${textAt(secret, "metadata", "name")}"`,
    {
      next: "Apply the Secret yourself with kubectl, and take it out of the manifest.",
    },
  );
}

/** True for the CRDs among a manifest's objects. */
export function isCrd(object: JsonObject): boolean {
  return object["kind"] === "CustomResourceDefinition";
}

/** The datastore that a workload's containers are told to use; undefined where none says so. */
export function datastoreType(workload: JsonObject): string | undefined {
  const pod = objectAt(workload, "spec", "template", "spec");
  const containers = [...objectsAt(pod, "containers"), ...objectsAt(pod, "initContainers")];
  const variables = containers.flatMap((container) => objectsAt(container, "env"));
  const named = variables.find((variable) => variable["name"] === "DATASTORE_TYPE");
  return named === undefined ? undefined : textAt(named, "value");
}
