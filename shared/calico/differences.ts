import { type Json, type JsonObject, canonicalJson, isJsonObject } from "../json.ts";
import { meaning } from "./meaning.ts";

/** One place where two objects mean something else. */
export interface Difference {
  /** For example `spec.ingress[0].action` or `labels["app.kubernetes.io/name"]`. */
  readonly path: string;
  /** What the first object has there, as bounded JSON text; undefined when it has nothing. */
  readonly source?: string;
  /** What the second object has there. */
  readonly target?: string;
}

/** How many differences to list. */
export interface DifferenceOptions {
  /** Default 20. */
  readonly limit?: number;
}

const MAX_TEXT = 200;

/** The places where two objects differ in meaning, for people: bounded in number and in length; [] when they agree. */
export function differences(
  source: JsonObject,
  target: JsonObject,
  options: DifferenceOptions = {},
): Difference[] {
  const found: Difference[] = [];
  collect("", meaning(source), meaning(target), found, options.limit ?? 20);
  return found;
}

function collect(
  path: string,
  source: Json | undefined,
  target: Json | undefined,
  found: Difference[],
  limit: number,
): void {
  if (found.length >= limit || sameJson(source, target)) return;
  if (Array.isArray(source) && Array.isArray(target)) {
    for (let index = 0; index < Math.max(source.length, target.length); index++) {
      collect(`${path}[${index}]`, source[index], target[index], found, limit);
    }
  } else if (isJsonObject(source) && isJsonObject(target)) {
    for (const key of new Set([...Object.keys(source), ...Object.keys(target)])) {
      collect(memberPath(path, key), source[key], target[key], found, limit);
    }
  } else {
    found.push({ path, ...side("source", source), ...side("target", target) });
  }
}

function sameJson(source: Json | undefined, target: Json | undefined): boolean {
  if (source === undefined || target === undefined) return source === target;
  return canonicalJson(source) === canonicalJson(target);
}

function side(name: "source" | "target", value: Json | undefined): { source?: string; target?: string } {
  if (value === undefined) return {};
  const text = canonicalJson(value);
  return { [name]: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text };
}

function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `${path}["${key}"]`;
  return path === "" ? key : `${path}.${key}`;
}
