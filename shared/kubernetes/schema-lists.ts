import { canonicalJson, isJsonObject, type Json } from "../json.ts";
import type { StructuralSchema } from "./schema-compiler.ts";

/**
 * What tells the items of a list apart that may hold each only once: the items of a set themselves, and of a map their
 * keys, with the defaults of these; undefined for other lists. (structured-merge-diff, as apiextensions uses it)
 */
export function identityOf(schema: StructuralSchema): ((item: Json) => string) | undefined {
  if (schema.listType === "set") return canonicalJson;
  if (schema.listType !== "map" || schema.listKeys.length === 0) return undefined;
  return (item) =>
    canonicalJson(
      schema.listKeys.map((key) =>
        isJsonObject(item) ? (item[key] ?? schema.items?.properties.get(key)?.default ?? null) : item,
      ),
    );
}
