import { createHash } from "node:crypto";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
import { loadManifests } from "../../shared/kubernetes/manifests.ts";
import { manifestsIn } from "../options/migrations/index.ts";
import { optionName } from "../options/names.ts";
import { oneLine } from "../output/escape.ts";
import type { Session } from "../session.ts";
import { ARTIFACT_SOURCE, refuseSecrets } from "../../shared/migrations/manifests.ts";

/** Where manifests are among artifacts. */
export const MANIFESTS = "manifests/";

/**
 * Keeps the manifests that the options name, puts the kept ones in their place, and tells which content that was: whatever
 * becomes of a file or a URL meanwhile, the run, its rollback and whoever else works on it use this.
 */
export async function pinManifests(
  { artifacts, world, flags }: Pick<Session, "artifacts" | "world" | "flags">,
  migration: string,
  options: Record<string, unknown>,
): Promise<void> {
  for (const { option, source } of manifestsIn(migration, options)) {
    const pinned = await storeManifest(artifacts, source);
    options[option] = pinned;
    // The run's options tell programs the same.
    if (flags.quiet || flags.output === "json") continue;
    world.stderr.write(`${optionName(option)}: ${oneLine(source)} is kept as it is now, as ${pinned}\n`);
  }
}

/**
 * Makes a manifest readable to whoever works on the run, and gives the option's value for them: the objects of a file, directory
 * or URL become one artifact, named after its content, so that what is applied later is what was looked at now. Throws what
 * `loadManifests` throws, and MANIFEST_HAS_SECRET.
 */
export async function storeManifest(artifacts: ArtifactStore, source: string): Promise<string> {
  const objects = await loadManifests(source);
  refuseSecrets(source, objects);
  // JSON is YAML that every parser reads alike, whatever it makes of a bare `yes` or `1e3`.
  const content = Buffer.from(objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(""));
  const name = `${MANIFESTS}${createHash("sha256").update(content).digest("hex")}.yaml`;
  if ((await artifacts.find(name)) === undefined) await artifacts.write(name, [content]);
  return `${ARTIFACT_SOURCE}${name}`;
}
