import { hash } from "node:crypto";
import { type Json, type JsonObject, canonicalJson, isJsonObject } from "../json.ts";
import { exactDigits } from "../exact-json.ts";
import { LOCK_ANNOTATION } from "./lock-annotation.ts";
import { readMetadata } from "./metadata.ts";
import { policyName } from "./names.ts";
import { JSON_ANNOTATIONS, NODE_ANNOTATIONS } from "./node-annotations.ts";
import { TIERED_KINDS } from "./kinds.ts";

/**
 * An object reduced to what it means: apiVersion, kind, namespace, the v3 name, labels and annotations wherever they are
 * stored, owners, finalizers and spec. What the API server or time adds is left out (uid, resourceVersion,
 * managedFields, creationTimestamp, status), and so is the mark of a lock. A core Node is reduced to the annotations
 * that Calico's node data lives in. Two objects mean the same exactly when their meanings are equal JSON.
 *
 * An object as written and as read back have the same meaning once the CRD's defaults are applied to the former.
 */
export function meaning(object: JsonObject): JsonObject {
  const reduced =
    object.apiVersion === "v1" && object.kind === "Node" ? nodeMeaning(object) : resourceMeaning(object);
  return plain(reduced) as JsonObject;
}

/** SHA-256 of an object's meaning, hex. */
export function meaningHash(object: JsonObject): string {
  return hash("sha256", canonicalJson(meaning(object)), "hex");
}

function resourceMeaning(object: JsonObject): JsonObject {
  const metadata = readMetadata(object);
  const { [LOCK_ANNOTATION]: _mark, ...annotations } = metadata.annotations;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: metadata.namespace,
    name: v3Name(object, metadata),
    labels: nonEmpty(metadata.labels),
    annotations: nonEmpty(annotations),
    ownerReferences: nonEmpty([...metadata.ownerReferences]),
    finalizers: nonEmpty([...metadata.finalizers]),
    spec: object.spec ?? {},
  };
}

/** The v3 name of an object as read from Kubernetes. */
export function v3NameOf(object: JsonObject): string {
  return v3Name(object, readMetadata(object));
}

function v3Name(object: JsonObject, { name, storedName }: ReturnType<typeof readMetadata>): string {
  if (typeof object.kind !== "string" || !TIERED_KINDS.has(object.kind)) return name;
  const tier =
    isJsonObject(object.spec) && typeof object.spec.tier === "string" ? object.spec.tier : undefined;
  return storedName ?? policyName(name, tier);
}

function nonEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function nodeMeaning(object: JsonObject): JsonObject {
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  const all = isJsonObject(metadata.annotations) ? metadata.annotations : {};
  const managed = NODE_ANNOTATIONS.map((key): [string, Json | undefined] => [
    key,
    annotationMeaning(key, all[key]),
  ]);
  return { apiVersion: "v1", kind: "Node", name: metadata.name, annotations: Object.fromEntries(managed) };
}

/** Empty labels and annotations mean the same as none. */
function annotationMeaning(key: string, value: Json | undefined): Json | undefined {
  if (typeof value !== "string" || !JSON_ANNOTATIONS.includes(key)) return value;
  try {
    const parsed = JSON.parse(value) as Json;
    return isJsonObject(parsed) ? nonEmpty(parsed) : parsed;
  } catch {
    return value;
  }
}

/** Leaves out members that are null or undefined; integers beyond 2^53 are spelt out, digit by digit. */
function plain(value: Json | undefined): Json {
  const digits = exactDigits(value);
  if (digits !== undefined) return `integer ${digits}`;
  if (Array.isArray(value)) return value.map(plain);
  if (!isJsonObject(value)) return value ?? null;
  const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
  return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]));
}
