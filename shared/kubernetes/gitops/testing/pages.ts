import type { JsonObject } from "../../../json.ts";

/** Pages of one object each, as a walk over a list gives them. */
export async function* pages(...objects: JsonObject[]): AsyncGenerator<JsonObject[]> {
  for (const object of objects) yield await Promise.resolve([object]);
}
