import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { collectJson } from "../artifact-lines.ts";
import { artifactName } from "../context.ts";
import type { Context } from "./context.ts";

/** The artifact with what the manifest's objects were before the switch: a line an object, `before` null where there was none. */
export const BEFORE_SWITCH = "before-switch.ndjson";

const Ref = z.object({
  apiVersion: z.string(),
  plural: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
});
const Before = z.object({ ref: Ref, before: z.custom<JsonObject>(isJsonObject).nullable() });

/** What the switch has changed, or was about to: none before it began. */
export async function rememberedObjects(context: Context): Promise<z.infer<typeof Before>[]> {
  const name = artifactName(context, BEFORE_SWITCH);
  if ((await context.artifacts.find(name)) === undefined) return [];
  return collectJson(context.artifacts.read(name), Before);
}
