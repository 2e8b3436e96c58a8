import { isJsonObject, type Json, type JsonObject } from "../../../shared/json.ts";

/** RFC 7386: members that are null are removed, objects merged, everything else replaced. */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = { ...target };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || value === undefined) Reflect.deleteProperty(merged, name);
    else merged[name] = mergeMember(merged[name], value);
  }
  return merged;
}

function mergeMember(old: Json | undefined, value: Json): Json {
  return isJsonObject(value) ? mergePatch(isJsonObject(old) ? old : {}, value) : value;
}
