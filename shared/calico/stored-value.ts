import { hash } from "node:crypto";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { parseExactJson } from "../exact-json.ts";
import { invalid } from "./forwarded.ts";

/** SHA-256 of a stored value, hex: equal exactly when the bytes are. */
export function sourceHash(value: Buffer | string): string {
  return hash("sha256", value, "hex");
}

/** Reads a stored value as a JSON object. Refuses everything else with VALUE_NOT_JSON. */
export function parseStoredObject(text: string): JsonObject {
  let value: Json;
  try {
    value = parseExactJson(text);
  } catch {
    throw invalid("VALUE_NOT_JSON", "the value is not valid JSON");
  }
  if (!isJsonObject(value)) throw invalid("VALUE_NOT_JSON", "the value is not a JSON object");
  tidy(value, 0);
  return value;
}

/** Deeper than any of Calico's resources; what reads and writes them recurses. */
const MAX_DEPTH = 64;

/**
 * Takes members that are null out of objects, in place: Calico reads null as absent, and the API server refuses it.
 * Nulls in lists stay, they have a meaning there (free addresses of a block).
 */
function tidy(value: Json | undefined, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth > MAX_DEPTH)
    throw invalid("VALUE_TOO_DEEP", `the value is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    for (const item of value) tidy(item, depth + 1);
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      if (value[key] === null) Reflect.deleteProperty(value, key);
      else tidy(value[key], depth + 1);
    }
  }
}

function wrongType(path: string, type: string): Error {
  return invalid("VALUE_INVALID", `${path} is not ${type}`);
}

/** The members of an object, {} when it is absent. `path` names it in the refusal. */
export function objectAt(value: Json | undefined, path: string): JsonObject {
  if (value === undefined) return {};
  if (!isJsonObject(value)) throw wrongType(path, "an object");
  return value;
}

/** A text, undefined when it is absent. `path` names it in the refusal. */
export function textAt(value: Json | undefined, path: string): string | undefined {
  if (value !== undefined && typeof value !== "string") throw wrongType(path, "a string");
  return value;
}

/** A truth value, false when it is absent. */
export function flagAt(value: Json | undefined, path: string): boolean {
  if (value !== undefined && typeof value !== "boolean") throw wrongType(path, "true or false");
  return value ?? false;
}

/** A list, [] when it is absent. */
export function listAt(value: Json | undefined, path: string): Json[] {
  if (value !== undefined && !Array.isArray(value)) throw wrongType(path, "a list");
  return value ?? [];
}

/** Texts by name, such as labels: {} when they are absent. */
export function textsAt(value: Json | undefined, path: string): Record<string, string> {
  const texts = objectAt(value, path);
  for (const key of Object.keys(texts)) {
    if (typeof texts[key] !== "string") throw wrongType(`${path}["${key}"]`, "a string");
  }
  return texts as Record<string, string>;
}
