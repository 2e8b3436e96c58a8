import { isJsonObject, type Json, type JsonObject } from "../../json.ts";

/** What an object holds along a path, and nothing beside it: `{a:{b:1,c:2},d:3}` along a, b is `{a:{b:1}}`. */
export function cutOut(object: JsonObject, [key = "", ...rest]: readonly string[]): JsonObject {
  const value = object[key];
  if (value === undefined) return {};
  return { [key]: rest.length === 0 || !isJsonObject(value) ? value : cutOut(value, rest) };
}

/** Objects laid over each other; later ones win where they are not objects both. */
export function merged(objects: readonly JsonObject[]): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of objects.flatMap((object) => Object.entries(object))) {
    const before = result[key];
    result[key] = isJsonObject(before) && isJsonObject(value) ? merged([before, value]) : value;
  }
  return result;
}

/** The merge patch that sets the value at a path, or removes what is there. */
export function setting([key = "", ...rest]: readonly string[], value: Json | undefined): JsonObject {
  return { [key]: rest.length === 0 ? (value ?? null) : setting(rest, value) };
}

/**
 * The merge patch that removes what is at a path, together with the objects around it that were not there before and
 * hold nothing else.
 */
export function removal(
  before: JsonObject,
  now: JsonObject,
  [key = "", ...rest]: readonly string[],
): JsonObject {
  const inside = now[key];
  if (rest.length === 0 || !isJsonObject(inside)) return { [key]: null };
  const outer = before[key];
  if (outer === undefined && holdsOnly(inside, rest)) return { [key]: null };
  return { [key]: removal(isJsonObject(outer) ? outer : {}, inside, rest) };
}

function holdsOnly(object: JsonObject, [key = "", ...rest]: readonly string[]): boolean {
  const others = Object.keys(object).some((other) => other !== key);
  const inside = object[key];
  return !others && (rest.length === 0 || !isJsonObject(inside) || holdsOnly(inside, rest));
}
