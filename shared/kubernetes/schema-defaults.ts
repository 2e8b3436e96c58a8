import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import type { StructuralSchema } from "./schema-compiler.ts";

function defaultValue(schema: StructuralSchema | undefined, value: Json): Json {
  if (schema === undefined) return value;
  if (Array.isArray(value)) return defaultItems(schema.items, value);
  return isJsonObject(value) ? defaultMembers(schema, value) : value;
}

/** The object with the defaults of its members, and theirs; see `applyDefaults`. */
export function defaultMembers(schema: StructuralSchema, object: JsonObject): JsonObject {
  const changes = new Map<string, Json | undefined>();
  for (const [key, property] of schema.properties) {
    if (property.default !== undefined && object[key] === undefined) changes.set(key, fresh(property));
  }
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue;
    const changed = member(schema.properties.get(key) ?? schema.additional, value);
    if (changed !== value) changes.set(key, changed);
  }
  return changes.size === 0 ? object : withChanges(object, changes);
}

function withChanges(object: JsonObject, changes: ReadonlyMap<string, Json | undefined>): JsonObject {
  const result = { ...object };
  for (const [key, value] of changes) {
    if (value === undefined) Reflect.deleteProperty(result, key);
    else result[key] = value;
  }
  return result;
}

/** The new value of a member that is there; undefined where it is dropped. */
function member(schema: StructuralSchema | undefined, value: Json): Json | undefined {
  if (value !== null || schema === undefined || schema.nullable) return defaultValue(schema, value);
  return fresh(schema);
}

/** List items are never dropped, so a null without a default stays. */
function defaultItems(schema: StructuralSchema | undefined, items: Json[]): Json[] {
  const result = items.map((item) => member(schema, item) ?? item);
  return result.every((item, index) => item === items[index]) ? items : result;
}

/** A copy of the default, with the defaults within it; undefined where there is none. */
function fresh(schema: StructuralSchema): Json | undefined {
  return schema.default === undefined ? undefined : defaultValue(schema, structuredClone(schema.default));
}
