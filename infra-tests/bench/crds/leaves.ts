import { canonicalJson, isJsonObject, type Json } from "../../../shared/json.ts";

/** A value that two objects do not share. */
export interface LeafDifference {
  /** The members on the way to it, and the places in lists. */
  path: readonly string[];
  /** Undefined where it is absent. */
  before: Json | undefined;
  after: Json | undefined;
}

/** What two values differ in, down to values that have no members. An empty object or list is such a value. */
export function leafDifferences(
  before: Json | undefined,
  after: Json | undefined,
  path: readonly string[] = [],
): LeafDifference[] {
  if (before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after))
    return [];
  const [left, right] = [membersOf(before), membersOf(after)];
  const names = new Set([...left.keys(), ...right.keys()]);
  if (names.size === 0 || !isComparable(before, after))
    return absent(before, after) ? [] : [{ path, before, after }];
  return [...names].flatMap((name) => leafDifferences(left.get(name), right.get(name), [...path, name]));
}

function absent(before: Json | undefined, after: Json | undefined): boolean {
  return before === undefined && after === undefined;
}

/** True where one is absent, and may be taken for something without members, and where both are of one type that has some. */
function isComparable(before: Json | undefined, after: Json | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  if (Array.isArray(before) || Array.isArray(after)) return Array.isArray(before) && Array.isArray(after);
  return isJsonObject(before) && isJsonObject(after);
}

function membersOf(value: Json | undefined): ReadonlyMap<string, Json | undefined> {
  return new Map(Array.isArray(value) || isJsonObject(value) ? Object.entries(value) : []);
}
