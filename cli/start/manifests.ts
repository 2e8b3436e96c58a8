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
  const { pinned, sources } = await keepManifests(artifacts, migration, options);
  Object.assign(options, pinned);
  // The run's options tell programs the same.
  if (flags.quiet || flags.output === "json") return;
  for (const [option, source] of Object.entries(sources)) {
    const where = String(options[option]);
    world.stderr.write(`${optionName(option)}: ${oneLine(source)} is kept as it is now, as ${where}\n`);
  }
}

/** Options whose manifests are kept, and what each of these was read from. */
export interface KeptManifests {
  pinned: Record<string, unknown>;
  sources: Record<string, string>;
}

/** The same options with every manifest kept among the artifacts; those that are already stay. Throws what `storeManifest` throws. */
export async function keepManifests(
  artifacts: ArtifactStore,
  migration: string,
  options: Readonly<Record<string, unknown>>,
): Promise<KeptManifests> {
  const pinned = { ...options };
  const sources: Record<string, string> = {};
  for (const { option, source } of manifestsIn(migration, options)) {
    if (source.startsWith(ARTIFACT_SOURCE)) continue;
    pinned[option] = await storeManifest(artifacts, source);
    sources[option] = source;
  }
  return { pinned, sources };
}

/** Puts the kept manifests that these options name into another place, too. */
export async function copyManifests(
  from: ArtifactStore,
  to: ArtifactStore,
  { migration, options }: { migration: string; options: Readonly<Record<string, unknown>> },
): Promise<void> {
  for (const { source } of manifestsIn(migration, options)) {
    const name = source.slice(ARTIFACT_SOURCE.length);
    if ((await to.find(name)) === undefined) await to.write(name, from.read(name));
  }
}

/**
 * Makes a manifest readable to whoever works on the run, and gives the option's value for them: the objects of a file, directory
 * or URL become one artifact, named after its content, so that what is applied later is what was looked at now. Throws what
 * `loadManifests` throws, and MANIFEST_HAS_SECRET.
 */
export async function storeManifest(artifacts: ArtifactStore, source: string): Promise<string> {
  const { name, content } = await readContent(source);
  if ((await artifacts.find(name)) === undefined) await artifacts.write(name, [content]);
  return `${ARTIFACT_SOURCE}${name}`;
}

/** What `storeManifest` would give for what a source holds now; nothing is stored. Throws what it throws. */
export async function manifestAsKept(source: string): Promise<string> {
  return `${ARTIFACT_SOURCE}${(await readContent(source)).name}`;
}

async function readContent(source: string): Promise<{ name: string; content: Buffer }> {
  const objects = await loadManifests(source);
  refuseSecrets(source, objects);
  // JSON is YAML that every parser reads alike, whatever it makes of a bare `yes` or `1e3`.
  const content = Buffer.from(objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(""));
  return { name: `${MANIFESTS}${createHash("sha256").update(content).digest("hex")}.yaml`, content };
}
