import { buffer } from "node:stream/consumers";
import { MigratorError } from "../errors.ts";
import type { StageContext } from "../engine/migration.ts";
import type { JsonObject } from "../json.ts";
import { textAt } from "../kubernetes/fields.ts";
import { shownSource } from "../kubernetes/manifest-url.ts";
import { parseManifests } from "../kubernetes/manifests.ts";
import type { ClusterConnections } from "./connections.ts";

/** What a source begins with that is an artifact, for workers that cannot read the user's files. */
export const ARTIFACT_SOURCE = "artifact:";

/** The options of migrations that name a manifest. */
const MANIFEST_OPTIONS = ["manifest", "rollbackManifest", "crds"] as const;
export type ManifestOption = (typeof MANIFEST_OPTIONS)[number];

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
  throw sourceRefused(source);
}

/** Throws MANIFEST_SOURCE_REFUSED for options of a run, asked of a service, whose manifests are not artifacts. */
export function refuseOwnSources(options: JsonObject): void {
  for (const name of MANIFEST_OPTIONS) {
    const source = options[name];
    if (typeof source === "string" && !source.startsWith(ARTIFACT_SOURCE)) throw sourceRefused(source, name);
  }
}

function sourceRefused(source: string, option?: ManifestOption): MigratorError {
  const where = option === undefined ? "" : `${option}: `;
  return new MigratorError(
    "MANIFEST_SOURCE_REFUSED",
    `${where}${shownSource(source)} is no artifact, and a service reads nothing else`,
    {
      next: "Start the run with `calico-migrator start --aws`, which stores the manifest as an artifact; a pipeline stores it with `calico-migrator manifests put SOURCE --aws`, and gives what that prints.",
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
