import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";
import { type GoPattern, goPattern } from "./go-pattern.ts";

/**
 * One node of a CustomResourceDefinition's structural schema, compiled: what `applyDefaults`, `unknownFields` and
 * `violations` ask for is looked up once, patterns and enums included.
 */
export interface StructuralSchema {
  /** Empty where any type may stand. */
  readonly type: string;
  readonly nullable: boolean;
  readonly intOrString: boolean;
  readonly preserveUnknown: boolean;
  readonly embedded: boolean;
  readonly default: Json | undefined;
  readonly properties: ReadonlyMap<string, StructuralSchema>;
  /** True where any further member is allowed; then `additional` may be undefined. */
  readonly open: boolean;
  readonly additional: StructuralSchema | undefined;
  readonly items: StructuralSchema | undefined;
  readonly required: readonly string[];
  readonly enum: readonly Json[] | undefined;
  /** Of strings and integers; empty where there is none. */
  readonly format: string;
  /** Of arrays: `set`, `map` or `atomic`, and by which members the items of a map are told apart. */
  readonly listType: string;
  readonly listKeys: readonly string[];
  readonly pattern: { readonly source: string; readonly expression: GoPattern } | undefined;
  readonly bounds: Bounds;
  readonly allOf: readonly StructuralSchema[];
  readonly anyOf: readonly StructuralSchema[];
  readonly oneOf: readonly StructuralSchema[];
}

/** The limits of numbers, lengths and counts, where the schema sets any. */
export interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
  readonly exclusiveMinimum: boolean;
  readonly exclusiveMaximum: boolean;
  readonly minLength: number;
  readonly maxLength: number;
  readonly minItems: number;
  readonly maxItems: number;
  readonly minProperties: number;
  readonly maxProperties: number;
}

const compiled = new WeakMap<JsonObject, StructuralSchema>();

/** Compiles the openAPIV3Schema of a CustomResourceDefinition version; what was compiled before is not compiled again. */
export function compileSchema(schema: JsonObject): StructuralSchema {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const result = compile(schema);
  compiled.set(schema, result);
  return result;
}

function compile(schema: JsonObject): StructuralSchema {
  const additional = schema["additionalProperties"];
  const items = schema["items"];
  return {
    type: textAt(schema, "type"),
    nullable: schema["nullable"] === true,
    intOrString: schema["x-kubernetes-int-or-string"] === true,
    preserveUnknown: schema["x-kubernetes-preserve-unknown-fields"] === true,
    embedded: schema["x-kubernetes-embedded-resource"] === true,
    default: schema["default"],
    properties: compileProperties(objectAt(schema, "properties")),
    open: additional !== undefined && additional !== false,
    additional: isJsonObject(additional) ? compile(additional) : undefined,
    items: isJsonObject(items) ? compile(items) : undefined,
    required: textsIn(schema["required"]),
    enum: Array.isArray(schema["enum"]) ? schema["enum"] : undefined,
    format: textAt(schema, "format"),
    listType: textAt(schema, "x-kubernetes-list-type"),
    listKeys: textsIn(schema["x-kubernetes-list-map-keys"]),
    pattern: compilePattern(schema["pattern"]),
    bounds: compileBounds(schema),
    allOf: objectsAt(schema, "allOf").map(compile),
    anyOf: objectsAt(schema, "anyOf").map(compile),
    oneOf: objectsAt(schema, "oneOf").map(compile),
  };
}

function textsIn(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function compileProperties(properties: JsonObject): Map<string, StructuralSchema> {
  const result = new Map<string, StructuralSchema>();
  for (const [key, property] of Object.entries(properties)) {
    if (isJsonObject(property)) result.set(key, compile(property));
  }
  return result;
}

function compilePattern(source: Json | undefined): StructuralSchema["pattern"] {
  if (typeof source !== "string" || source === "") return undefined;
  const expression = goPattern(source);
  return expression === undefined ? undefined : { source, expression };
}

function compileBounds(schema: JsonObject): Bounds {
  const bound = (key: string, none: number): number => {
    const value = schema[key];
    return typeof value === "number" ? value : none;
  };
  return {
    minimum: bound("minimum", -Infinity),
    maximum: bound("maximum", Infinity),
    exclusiveMinimum: schema["exclusiveMinimum"] === true,
    exclusiveMaximum: schema["exclusiveMaximum"] === true,
    minLength: bound("minLength", 0),
    maxLength: bound("maxLength", Infinity),
    minItems: bound("minItems", 0),
    maxItems: bound("maxItems", Infinity),
    minProperties: bound("minProperties", 0),
    maxProperties: bound("maxProperties", Infinity),
  };
}
