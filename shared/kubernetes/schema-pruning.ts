import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import type { StructuralSchema } from "./schema-compiler.ts";

const metaFields = new Set(["apiVersion", "kind", "metadata"]);

/** The sorted paths that are dropped; see `unknownFields`. The root is an object of Kubernetes whatever its schema says. */
export function prunedPaths(schema: StructuralSchema, object: JsonObject): string[] {
  const paths: string[] = [];
  prune({ ...schema, embedded: true }, object, "", paths);
  return paths.sort();
}

function prune(schema: StructuralSchema | undefined, value: Json, path: string, paths: string[]): void {
  if (schema?.preserveUnknown === true) {
    pruneKnown(schema, value, path, paths);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) prune(schema?.items, item, `${path}[${index}]`, paths);
  } else if (isJsonObject(value)) {
    pruneMembers(schema, value, path, paths);
  }
}

function pruneMembers(
  schema: StructuralSchema | undefined,
  object: JsonObject,
  path: string,
  paths: string[],
): void {
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined || (schema?.embedded === true && metaFields.has(key))) continue;
    const at = path === "" ? key : `${path}.${key}`;
    const property = schema?.properties.get(key);
    if (property !== undefined) prune(property, value, at, paths);
    else if (schema?.open === true) prune(schema.additional, value, at, paths);
    else paths.push(at);
  }
}

/** Where unknown fields are preserved, only what the schema describes is looked into. */
function pruneKnown(schema: StructuralSchema, value: Json, path: string, paths: string[]): void {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return;
    for (const [index, item] of value.entries()) pruneKnown(schema.items, item, `${path}[${index}]`, paths);
  } else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined || (schema.embedded && metaFields.has(key))) continue;
      const property = schema.properties.get(key);
      const at = path === "" ? key : `${path}.${key}`;
      if (property !== undefined) prune(property, member, at, paths);
      else if (schema.open) prune(schema.additional, member, at, paths);
    }
  }
}
