import { isJsonObject, type Json, type JsonObject } from "../json.ts";

/** The value at a path of members; undefined where there is none. */
function valueAt(object: JsonObject, keys: readonly string[]): Json | undefined {
  let value: Json | undefined = object;
  for (const key of keys) value = isJsonObject(value) ? value[key] : undefined;
  return value;
}

/** The object at a path of members; an empty one where there is none. */
export function objectAt(object: JsonObject, ...keys: string[]): JsonObject {
  const value = valueAt(object, keys);
  return isJsonObject(value) ? value : {};
}

/** The objects in the list at a path of members; none where there is no list. */
export function objectsAt(object: JsonObject, ...keys: string[]): JsonObject[] {
  const value = valueAt(object, keys);
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The string at a path of members; an empty one where there is none. */
export function textAt(object: JsonObject, ...keys: string[]): string {
  const value = valueAt(object, keys);
  return typeof value === "string" ? value : "";
}

/** The number at a path of members; 0 where there is none, as Kubernetes leaves zeros out. */
export function numberAt(object: JsonObject, ...keys: string[]): number {
  const value = valueAt(object, keys);
  return typeof value === "number" ? value : 0;
}
