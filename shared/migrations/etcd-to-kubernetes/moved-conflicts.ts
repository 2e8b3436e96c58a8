import { conflictPages } from "../copying/unsettled.ts";
import { type Context, conversion, resources } from "./context.ts";
import { haveMoved } from "./copy.ts";
import { readSources } from "./source.ts";

/**
 * True when a person has settled a conflict of these ranks in the clusters, by deleting or editing an object. `revision` is that of
 * the source which is being copied; left out, the present one.
 */
export async function conflictsMoved(
  context: Context,
  ranks: readonly number[],
  revision?: number,
): Promise<boolean> {
  for (const rank of ranks)
    for await (const rows of conflictPages(resources(context), rank)) {
      const pairs = await readSources(context, rows, revision);
      if (await haveMoved(context, await conversion(context), pairs)) return true;
    }
  return false;
}
