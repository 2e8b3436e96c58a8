import { hash } from "node:crypto";
import { z } from "zod";
import type { ArtifactStore } from "../engine/ports.ts";
import type { Checkpoint } from "../engine/records.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { jsonLines, readJsonLines } from "./artifact-lines.ts";
import { artifactName } from "./context.ts";

const Line = z.object({ id: z.string(), object: z.custom<JsonObject>(isJsonObject) });
const Kept = z.object({ keptIn: z.string() });

/** An object with the id under which it is kept. */
export type KeptObject = z.infer<typeof Line>;

/**
 * Keeps objects that others have made and that a run takes away, however large, for people to have them again. Repeatable: other
 * content has another name.
 *
 * @returns what the detail of a checkpoint says of it, for `keptObject`
 */
export async function keepObjects(
  { run, artifacts }: { run: { readonly runId: string }; artifacts: Pick<ArtifactStore, "write"> },
  objects: readonly KeptObject[],
): Promise<{ keptIn: string }> {
  const lines = [...jsonLines(objects)];
  const name = artifactName({ run }, `kept/${hash("sha256", Buffer.concat(lines)).slice(0, 16)}.ndjson`);
  await artifacts.write(name, lines);
  return { keptIn: name };
}

/** The objects that were kept for these checkpoints, by their targets. */
export async function keptObjects(
  artifacts: Pick<ArtifactStore, "read">,
  rows: readonly Checkpoint[],
): Promise<Map<string, JsonObject>> {
  const byFile = Map.groupBy(rows, ({ detail }) => Kept.safeParse(detail).data?.keptIn);
  const objects = new Map<string, JsonObject>();
  for (const [name, there] of byFile) {
    if (name === undefined) continue;
    const wanted = new Set(there.map(({ target }) => target));
    for await (const { id, object } of readJsonLines(artifacts.read(name), Line))
      if (wanted.has(id)) objects.set(id, object);
  }
  return objects;
}
