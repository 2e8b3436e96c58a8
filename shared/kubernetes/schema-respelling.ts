import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../json.ts";
import type { StructuralSchema } from "./schema-compiler.ts";
import { cidrOfAddress } from "./schema-formats.ts";
import { identityOf } from "./schema-lists.ts";

/** One place of an object that was spelt in another way. */
export interface Respelling {
  /** `spec.nets[2]`. */
  path: string;
  /** What was done there, as a clause for people. */
  what: string;
}

/** See `respell`; what does not change is shared with the given value. */
export function respellValue(schema: StructuralSchema, value: Json, path: string, told: Respelling[]): Json {
  if (typeof value === "string") return respellText(schema, value, path, told);
  if (Array.isArray(value))
    return withoutRepetitions(schema, respellItems(schema, value, path, told), path, told);
  return isJsonObject(value) ? respellMembers(schema, value, path, told) : value;
}

function respellText(schema: StructuralSchema, value: string, path: string, told: Respelling[]): string {
  const network = schema.format === "cidr" ? cidrOfAddress(value) : undefined;
  if (network === undefined) return value;
  told.push({ path, what: `the address ${value} becomes ${network}` });
  return network;
}

function respellItems(schema: StructuralSchema, items: Json[], path: string, told: Respelling[]): Json[] {
  const { items: of } = schema;
  if (of === undefined) return items;
  const respelt = items.map((item, index) => respellValue(of, item, `${path}[${index}]`, told));
  return respelt.some((item, index) => item !== items[index]) ? respelt : items;
}

/**
 * An item that stands in the list twice means the same as if it stood there once. Items of a map with the same key
 * that differ are left: the server refuses them.
 */
function withoutRepetitions(
  schema: StructuralSchema,
  items: Json[],
  path: string,
  told: Respelling[],
): Json[] {
  if (identityOf(schema) === undefined) return items;
  const seen = new Set<string>();
  const kept = items.filter((item, index) => {
    const text = canonicalJson(item);
    const isNew = !seen.has(text);
    seen.add(text);
    if (!isNew) told.push({ path: `${path}[${index}]`, what: "it repeats an earlier item, and is left out" });
    return isNew;
  });
  return kept.length === items.length ? items : kept;
}

function respellMembers(
  schema: StructuralSchema,
  object: JsonObject,
  path: string,
  told: Respelling[],
): JsonObject {
  const changed: JsonObject = {};
  for (const [key, value] of Object.entries(object)) {
    const member = schema.properties.get(key) ?? schema.additional;
    if (member === undefined || value === undefined) continue;
    const respelt = respellValue(member, value, path === "" ? key : `${path}.${key}`, told);
    if (respelt !== value) changed[key] = respelt;
  }
  return Object.keys(changed).length === 0 ? object : { ...object, ...changed };
}
