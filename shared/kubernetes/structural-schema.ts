import type { JsonObject } from "../json.ts";
import { compileSchema } from "./schema-compiler.ts";
import { defaultMembers } from "./schema-defaults.ts";
import { prunedPaths } from "./schema-pruning.ts";
import { respellValue, type Respelling } from "./schema-respelling.ts";
import { check, type SchemaViolation } from "./schema-violations.ts";

/**
 * The object as the API server stores it as far as nulls and defaults go: a null where the schema allows none is dropped,
 * or gives way to the default; then missing members get their defaults, from the outside in, defaults within defaults
 * included (apiextensions-apiserver, pkg/apiserver/schema/defaulting). Gives a new object; what does not change is shared
 * with the given one. Unknown fields stay.
 *
 * `schema` is the openAPIV3Schema of a CustomResourceDefinition version, here and below; each is compiled once.
 */
export function applyDefaults(schema: JsonObject, object: JsonObject): JsonObject {
  return defaultMembers(compileSchema(schema), object);
}

/**
 * The paths that the API server would drop from an object on write, sorted; as in its own warnings,
 * `spec.rules[0].colour` (apiextensions-apiserver, pkg/apiserver/schema/pruning). A dropped member is given by its own
 * path, not by those below it.
 */
export function unknownFields(schema: JsonObject, object: JsonObject): string[] {
  return prunedPaths(compileSchema(schema), object);
}

/**
 * The object as the API server takes it where it takes what is meant in one spelling only: a list that may hold each item
 * only once has each once, and a bare address where a network must stand is that network. Gives the object itself where
 * nothing is to be done.
 */
export function respell(schema: JsonObject, object: JsonObject): { object: JsonObject; told: Respelling[] } {
  const told: Respelling[] = [];
  return { object: respellValue(compileSchema(schema), object, "", told) as JsonObject, told };
}

/**
 * The reasons for which the API server will refuse an object, as far as type, enum, pattern, bounds, lengths, required
 * members, lists of distinct items, and the formats int32 and cidr tell. Sound, not complete: each one given is real,
 * while other formats, CEL rules and `not` are left to the server.
 * Expects an object to which `applyDefaults` was applied, as the server validates after defaulting.
 */
export function violations(schema: JsonObject, object: JsonObject): SchemaViolation[] {
  const found: SchemaViolation[] = [];
  check(compileSchema(schema), object, "", found);
  return found;
}
