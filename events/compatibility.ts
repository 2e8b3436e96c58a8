import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../shared/json.ts";
import type { MessageRole } from "./catalogue.ts";

/** Where in a message two schemas are compared. */
interface Comparison {
  path: string;
  role: MessageRole;
}

type Rule = (before: JsonObject, after: JsonObject, at: Comparison) => string[];

/** What says nothing about which messages are right. */
const ANNOTATIONS = new Set(["$schema", "$defs", "title", "description", "examples"]);

/** Bounds, and in which direction they are tighter. */
const BOUNDS: Readonly<Record<string, "higher" | "lower">> = {
  minimum: "higher",
  maximum: "lower",
  minLength: "higher",
  maxLength: "lower",
  minItems: "higher",
  maxItems: "lower",
};

/** What each rule looks at; every other keyword must stay as it is. */
const JUDGED = new Set([
  ...["type", "const", "enum", "properties", "required", "items", "additionalProperties", "anyOf"],
  ...Object.keys(BOUNDS),
]);

const RULES: readonly Rule[] = [types, values, bounds, properties, required, nested, alternatives, others];

/**
 * Why a message's schema is no successor of an earlier one, each with the field's path; nothing where it is one.
 *
 * Messages that we read (work, commands) must still be allowed to say all that they were allowed to say. Messages that we
 * send (events) must still say all that they said, in the same types. Fields may be added, and values to an enumeration:
 * readers are told to ignore what they do not know.
 */
export function breakingChanges(before: JsonObject, after: JsonObject, role: MessageRole): string[] {
  if (canonicalJson(before["$defs"]) !== canonicalJson(after["$defs"])) return ["$defs: changed"];
  return compare(before, after, { path: "", role });
}

function compare(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  return RULES.flatMap((rule) => rule(before, after, at));
}

function types(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  const [was, is] = [typesOf(before), typesOf(after)];
  if (was === undefined || is === undefined) {
    return was === is ? [] : problem(at, was === undefined ? "has a type now" : "has no type any more");
  }
  const { narrow, wide } = inOrder(at, was, is);
  const missing = narrow.filter(
    (type) => !wide.includes(type) && !(type === "integer" && wide.includes("number")),
  );
  return missing.flatMap((type) =>
    problem(at, at.role === "event" ? `may be ${type} now` : `may not be ${type} any more`),
  );
}

/** A value that is gone breaks whoever sends it, or waits for it. */
function values(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  const [was, is] = [valuesOf(before), valuesOf(after)];
  if (was === undefined)
    return is === undefined || at.role === "event" ? [] : problem(at, "is limited to some values now");
  if (is === undefined)
    return at.role === "event" ? problem(at, "is not limited to its values any more") : [];
  const gone = was.filter((value) => !is.includes(value));
  return gone.flatMap((value) => problem(at, `has lost the value ${value}`));
}

function bounds(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  return Object.entries(BOUNDS).flatMap(([name, tighter]) => {
    const loosest = tighter === "higher" ? -Infinity : Infinity;
    const [was, is] = [before, after].map((schema) => Number(schema[name] ?? loosest)) as [number, number];
    const { narrow, wide } = inOrder(at, was, is);
    const fits = tighter === "higher" ? narrow >= wide : narrow <= wide;
    return fits ? [] : problem(at, `${name} was ${was} and is ${is}`);
  });
}

function properties(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  const [was, is] = [objectOf(before["properties"]), objectOf(after["properties"])];
  return Object.entries(was).flatMap(([name, schema]) => {
    const inside = { ...at, path: at.path === "" ? name : `${at.path}.${name}` };
    const successor = is[name];
    return successor === undefined
      ? problem(inside, "is gone")
      : compare(objectOf(schema), objectOf(successor), inside);
  });
}

function required(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  const [was, is] = [textsOf(before["required"]), textsOf(after["required"])];
  const lost = at.role === "event" ? was.filter((name) => !is.includes(name)) : [];
  const gained = at.role === "event" ? [] : is.filter((name) => !was.includes(name));
  return [
    ...lost.flatMap((name) => problem(at, `${name} is not required any more`)),
    ...gained.flatMap((name) => problem(at, `${name} is required now`)),
  ];
}

/** Elements of arrays, and members that have no name of their own. */
function nested(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  return ["items", "additionalProperties"].flatMap((name) => {
    const [was, is] = [anythingIfEmpty(before[name]), anythingIfEmpty(after[name])];
    const inside = { ...at, path: `${at.path}[]` };
    if (isJsonObject(was) && isJsonObject(is)) return compare(was, is, inside);
    if (canonicalJson(was) === canonicalJson(is)) return [];
    return inOrder(at, was, is).wide === true ? [] : problem(at, `${name}: changed`);
  });
}

function alternatives(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  const [was, is] = [before["anyOf"], after["anyOf"]];
  if (!Array.isArray(was) || !Array.isArray(is)) {
    return canonicalJson(was) === canonicalJson(is) ? [] : problem(at, "anyOf: changed");
  }
  const { narrow, wide } = inOrder(at, was, is);
  const fits = (one: Json, other: Json) => {
    const [earlier, later] = at.role === "event" ? [other, one] : [one, other];
    return compare(objectOf(earlier), objectOf(later), at).length === 0;
  };
  const lost = narrow.filter((one) => !wide.some((other) => fits(one, other)));
  return lost.length === 0 ? [] : problem(at, "anyOf: changed");
}

/** Nothing is known of these, so any change may break something. */
function others(before: JsonObject, after: JsonObject, at: Comparison): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => !JUDGED.has(name) && !ANNOTATIONS.has(name))
    .filter((name) => canonicalJson(before[name]) !== canonicalJson(after[name]))
    .flatMap((name) => problem(at, `${name}: changed`));
}

/** Which of the two schemas has to allow all that the other one allows: the reader's. */
function inOrder<T>({ role }: Comparison, was: T, is: T): { narrow: T; wide: T } {
  return role === "event" ? { narrow: is, wide: was } : { narrow: was, wide: is };
}

function problem({ path }: Comparison, what: string): string[] {
  return [path === "" ? what : `${path}: ${what}`];
}

function typesOf({ type }: JsonObject): string[] | undefined {
  if (type === undefined) return undefined;
  return Array.isArray(type) ? type.map(String) : [canonicalJson(type).slice(1, -1)];
}

function valuesOf(schema: JsonObject): string[] | undefined {
  if (schema["const"] !== undefined) return [canonicalJson(schema["const"])];
  return Array.isArray(schema["enum"]) ? schema["enum"].map(canonicalJson) : undefined;
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** A schema without a keyword allows everything, as one that is absent does. */
function anythingIfEmpty(schema: Json | undefined): Json {
  return schema === undefined || (isJsonObject(schema) && Object.keys(schema).length === 0) ? true : schema;
}
