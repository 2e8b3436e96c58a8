import { loadManifests } from "../../shared/kubernetes/manifests.ts";
import { manifestsIn } from "../options/migrations/index.ts";

/**
 * Reads every manifest that the options name, so that one which is not there is told once, at once, and before anything is
 * asked of a cluster. Throws what `loadManifests` throws.
 */
export async function readManifests(
  migration: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const { source } of manifestsIn(migration, options)) await loadManifests(source);
}
