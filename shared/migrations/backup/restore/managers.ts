import { parseExactJson } from "../../../exact-json.ts";
import type { JsonObject } from "../../../json.ts";
import { objectsAt } from "../../../kubernetes/fields.ts";

/** Who manages which field of an object, as it says itself. */
export function managersOf(object: JsonObject): JsonObject[] {
  return objectsAt(object, "metadata", "managedFields");
}

/** The same of an object that is kept as text; of one that was not there nobody. */
export function managersIn(text: string | null | undefined): JsonObject[] {
  return typeof text === "string" ? managersOf(parseExactJson(text) as JsonObject) : [];
}
