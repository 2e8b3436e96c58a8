import { exactDigits } from "../exact-json.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../json.ts";
import type { StructuralSchema } from "./schema-compiler.ts";
import { numberFault, stringFault } from "./schema-formats.ts";
import { identityOf } from "./schema-lists.ts";

/** One thing about an object that the API server will refuse. */
export interface SchemaViolation {
  /** `spec.rules[0].action`; empty for the object itself. */
  path: string;
  /** What must hold there. The value is not repeated. */
  message: string;
}

/** Adds what is wrong with a value, and with all within it, to `found`; see `violations`. */
export function check(schema: StructuralSchema, value: Json, path: string, found: SchemaViolation[]): void {
  if (value === null && schema.nullable) return;
  if (!hasType(schema, value)) {
    found.push({
      path,
      message: `must be of type ${schema.intOrString ? "integer or string" : schema.type}`,
    });
    return;
  }
  checkEnum(schema, value, path, found);
  if (typeof value === "string") checkString(schema, value, path, found);
  else if (typeof value === "number") checkNumber(schema, value, path, found);
  else if (Array.isArray(value)) checkItems(schema, value, path, found);
  else if (isJsonObject(value)) checkMembers(schema, value, path, found);
  checkCombined(schema, value, path, found);
}

function hasType(schema: StructuralSchema, value: Json): boolean {
  if (exactDigits(value) !== undefined) return schema.intOrString || isNumeric(schema.type);
  if (schema.intOrString) return typeof value === "string" || Number.isInteger(value);
  switch (schema.type) {
    case "object":
      return isJsonObject(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === schema.type;
    default:
      return true;
  }
}

function isNumeric(type: string | undefined): boolean {
  return type === undefined || type === "integer" || type === "number";
}

function checkEnum(schema: StructuralSchema, value: Json, path: string, found: SchemaViolation[]): void {
  if (schema.enum === undefined || schema.enum.includes(value)) return;
  const text = canonicalJson(value);
  if (schema.enum.some((allowed) => canonicalJson(allowed) === text)) return;
  found.push({
    path,
    message: `must be one of ${schema.enum.map((allowed) => JSON.stringify(allowed)).join(", ")}`,
  });
}

function checkString(schema: StructuralSchema, value: string, path: string, found: SchemaViolation[]): void {
  const { minLength, maxLength } = schema.bounds;
  const length = minLength === 0 && value.length <= maxLength ? 0 : codePoints(value);
  if (length < minLength) found.push({ path, message: `must have at least ${minLength} characters` });
  if (length > maxLength) found.push({ path, message: `must have at most ${maxLength} characters` });
  if (schema.pattern !== undefined && !schema.pattern.expression.test(value)) {
    found.push({ path, message: `must match ${schema.pattern.source}` });
  }
  const fault = stringFault(schema.format, value);
  if (fault !== undefined) found.push({ path, message: fault });
}

/** The API server counts characters, not UTF-16 units. */
function codePoints(text: string): number {
  return Array.from(text).length;
}

function checkNumber(schema: StructuralSchema, value: number, path: string, found: SchemaViolation[]): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema.bounds;
  if (value < minimum || (exclusiveMinimum && value === minimum)) {
    found.push({ path, message: `must be ${exclusiveMinimum ? "greater than" : "at least"} ${minimum}` });
  }
  if (value > maximum || (exclusiveMaximum && value === maximum)) {
    found.push({ path, message: `must be ${exclusiveMaximum ? "less than" : "at most"} ${maximum}` });
  }
  const fault = numberFault(schema.format, value);
  if (fault !== undefined) found.push({ path, message: fault });
}

function checkItems(schema: StructuralSchema, items: Json[], path: string, found: SchemaViolation[]): void {
  const { minItems, maxItems } = schema.bounds;
  if (items.length < minItems) found.push({ path, message: `must have at least ${minItems} items` });
  if (items.length > maxItems) found.push({ path, message: `must have at most ${maxItems} items` });
  checkDistinct(schema, items, path, found);
  if (schema.items === undefined) return;
  for (const [index, item] of items.entries()) check(schema.items, item, `${path}[${index}]`, found);
}

function checkDistinct(
  schema: StructuralSchema,
  items: Json[],
  path: string,
  found: SchemaViolation[],
): void {
  const identity = identityOf(schema);
  if (identity === undefined) return;
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const text = identity(item);
    if (seen.has(text)) found.push({ path: `${path}[${index}]`, message: "must be there only once" });
    seen.add(text);
  }
}

function checkMembers(
  schema: StructuralSchema,
  object: JsonObject,
  path: string,
  found: SchemaViolation[],
): void {
  const { minProperties, maxProperties } = schema.bounds;
  let count = 0;
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue;
    count++;
    const member = schema.properties.get(key) ?? schema.additional;
    if (member !== undefined) check(member, value, join(path, key), found);
  }
  if (count < minProperties) found.push({ path, message: `must have at least ${minProperties} members` });
  if (count > maxProperties) found.push({ path, message: `must have at most ${maxProperties} members` });
  for (const key of schema.required) {
    if (object[key] === undefined) found.push({ path: join(path, key), message: "is required" });
  }
}

/** Failing `anyOf` and `oneOf` is certain only when no branch can hold; that too many branches of `oneOf` hold never is. */
function checkCombined(schema: StructuralSchema, value: Json, path: string, found: SchemaViolation[]): void {
  for (const branch of schema.allOf) check(branch, value, path, found);
  for (const branches of [schema.anyOf, schema.oneOf]) {
    if (branches.length === 0) continue;
    const failures = branches.map((branch) => {
      const inBranch: SchemaViolation[] = [];
      check(branch, value, path, inBranch);
      return inBranch;
    });
    if (failures.some((failure) => failure.length === 0)) continue;
    found.push({ path, message: `must hold one of: ${failures.map(summary).join(" | ")}` });
  }
}

function summary(failure: readonly SchemaViolation[]): string {
  return failure.map(({ path, message }) => `${path} ${message}`.trim()).join(" and ");
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
