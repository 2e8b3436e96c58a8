import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../json.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";

/** What is to become of metadata.managedFields, which says who owns which field of an object. */
export interface FieldsRelease {
  /** Whose entries go. */
  isOurs: (manager: string) => boolean;
  /** API versions whose entries are kept under another one, as they are served no longer. */
  renamed?: Readonly<Record<string, string>>;
  /** Entries of others that own their fields besides, as far as the object has these. */
  carried?: readonly JsonObject[];
}

/** A list with one empty entry is how all of them are taken away: an API server leaves them as they are for an empty list. */
const NONE = [{}];

/**
 * The merge patch that takes entries off an object, and changes nothing else, so that it leaves no entry of its own. It
 * applies only to the object as given: KUBERNETES_CONFLICT otherwise. Undefined where no entry is ours or under a version
 * that is renamed: what others say they own is theirs to change.
 */
export function releasePatch(object: JsonObject, release: FieldsRelease): JsonObject | undefined {
  if (!hasTraces(object, release)) return undefined;
  const { uid, resourceVersion } = objectAt(object, "metadata");
  const entries = releasedFields(object, release);
  return { metadata: { uid, resourceVersion, managedFields: entries.length === 0 ? NONE : entries } };
}

/** True where an entry is to go or to be renamed. */
export function hasTraces(object: JsonObject, { isOurs, renamed = {} }: FieldsRelease): boolean {
  return objectsAt(object, "metadata", "managedFields").some(
    (entry) => isOurs(textAt(entry, "manager")) || textAt(entry, "apiVersion") in renamed,
  );
}

function releasedFields(
  object: JsonObject,
  { isOurs, renamed = {}, carried = [] }: FieldsRelease,
): JsonObject[] {
  const byOwner = new Map<string, JsonObject>();
  const add = (entry: JsonObject): void => {
    if (isOurs(textAt(entry, "manager"))) return;
    const version = textAt(entry, "apiVersion");
    const kept = { ...entry, apiVersion: renamed[version] ?? version };
    const key = ownerKey(kept);
    const known = byOwner.get(key);
    byOwner.set(key, known === undefined ? kept : united(known, kept));
  };
  objectsAt(object, "metadata", "managedFields").forEach(add);
  for (const entry of carried) {
    const fieldsV1 = presentFields(objectAt(entry, "fieldsV1"), object);
    if (Object.keys(fieldsV1).length > 0) add({ ...entry, fieldsV1 });
  }
  return [...byOwner.values()];
}

/** An API server refuses two entries of which all this is the same. */
function ownerKey(entry: JsonObject): string {
  return ["manager", "operation", "apiVersion", "subresource"].map((name) => textAt(entry, name)).join("\n");
}

function united(one: JsonObject, other: JsonObject): JsonObject {
  const times = [textAt(one, "time"), textAt(other, "time")].sort();
  return {
    ...one,
    ...(times[1] === "" ? {} : { time: times[1] ?? "" }),
    fieldsV1: unitedFields(objectAt(one, "fieldsV1"), objectAt(other, "fieldsV1")),
  };
}

/** Sets of fields are trees: `.` stands for the field itself where something below it is owned as well. */
function unitedFields(one: JsonObject, other: JsonObject): JsonObject {
  const result: JsonObject = { ...one };
  for (const [key, below] of Object.entries(other)) {
    const known = result[key];
    result[key] = isJsonObject(known) ? unitedMember(known, isJsonObject(below) ? below : {}) : below;
  }
  return result;
}

function unitedMember(one: JsonObject, other: JsonObject): JsonObject {
  const isItself = [one, other].some((below) => Object.keys(below).length === 0);
  const below = unitedFields(one, other);
  return isItself && Object.keys(below).length > 0 ? { ".": {}, ...below } : below;
}

/** Of a set of fields those that a value has. */
function presentFields(fields: JsonObject, value: Json): JsonObject {
  const present: JsonObject = {};
  for (const [key, below] of Object.entries(fields)) {
    const member = key === "." ? value : memberAt(value, key);
    if (member === undefined) continue;
    if (!isJsonObject(below) || Object.keys(below).length === 0) present[key] = {};
    else {
      const kept = presentFields(below, member);
      if (Object.keys(kept).length > 0) present[key] = kept;
    }
  }
  return present;
}

/** `f:` names a member, `k:` the item of a list with these members, `v:` an item as it is, `i:` one by its place. */
function memberAt(value: Json, key: string): Json | undefined {
  const [type, rest] = [key.slice(0, 2), key.slice(2)];
  if (type === "f:") return isJsonObject(value) ? value[rest] : undefined;
  if (!Array.isArray(value)) return undefined;
  if (type === "i:") return value[Number(rest)];
  const wanted = parsed(rest);
  return value.find((item) => (type === "k:" ? hasMembers(item, wanted) : isSame(item, wanted)));
}

function hasMembers(item: Json, wanted: Json | undefined): boolean {
  if (!isJsonObject(item) || !isJsonObject(wanted)) return false;
  return Object.entries(wanted).every(([name, value]) => isSame(item[name], value));
}

function isSame(one: Json | undefined, other: Json | undefined): boolean {
  return one !== undefined && other !== undefined && canonicalJson(one) === canonicalJson(other);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
