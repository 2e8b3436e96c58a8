/** Any value that JSON can express. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; absent members may be spelt `undefined`, as JSON.stringify drops them. */
export interface JsonObject {
  [key: string]: Json | undefined;
}

/** What the language library of TypeScript does not know of JSON yet. */
const rawJson = JSON as unknown as { isRawJSON(value: unknown): boolean };

/** True for JSON objects: not for arrays, null, and integers that were kept exact (see exact-json.ts). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !rawJson.isRawJSON(value);
}

/**
 * The canonical text of a JSON value: object members in code-unit order, `undefined` members left out.
 * Two values that mean the same JSON have the same canonical text, so it can be hashed and compared.
 */
export function canonicalJson(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (isJsonObject(value)) {
    const members = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}
