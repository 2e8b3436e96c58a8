import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { invalid } from "./forwarded.ts";
import type { TargetGroup } from "./kinds.ts";
import { isLabelValue, isQualifiedName } from "./names.ts";
import { NEWEST_RULES, type VersionRules } from "./versions/rules.ts";

/** Where the Kubernetes datastore keeps the v3 metadata of objects of crd.projectcalico.org/v1. */
export const METADATA_ANNOTATION = "projectcalico.org/metadata";

/** Kubernetes' limit on the annotations of one object, keys and values together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

/** The metadata of a v3 resource, wherever it is stored. */
export interface V3Metadata {
  readonly name: string;
  /** The name of the object that stores it, where that is another. */
  readonly objectName?: string;
  readonly namespace?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly creationTimestamp?: string | undefined;
  readonly ownerReferences: readonly Json[];
  readonly finalizers: readonly Json[];
}

/** True for keys of labels and annotations that Calico keeps on the v1 object itself as well. (…/k8s/resources, isOurs) */
function isOurs(key: string): boolean {
  return key.includes("projectcalico.org/") || key.includes("operator.tigera.io/");
}

/** True for owners that Calico stores: they get another UID on the way. */
export function isCalicoOwner(reference: Json): boolean {
  const apiVersion = isJsonObject(reference) ? reference.apiVersion : undefined;
  return typeof apiVersion === "string" && /(^|\.)projectcalico\.org\//.test(apiVersion);
}

function pick(texts: Readonly<Record<string, string>>, keep: (key: string) => boolean): [string, string][] {
  return Object.entries(texts).filter(([key]) => keep(key));
}

/** Members in the order of their keys, as Go writes maps. */
export function sortedTexts(texts: Readonly<Record<string, string>>): Record<string, string> {
  const keys = Object.keys(texts);
  if (keys.length < 2) return texts;
  return Object.fromEntries(keys.sort().map((key) => [key, texts[key] ?? ""]));
}

function filled<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** How the metadata of a v3 resource is written. */
export interface MetadataStyle {
  readonly group: TargetGroup;
  /** True for the policies of crd.projectcalico.org/v1 that carry their v3 name in the annotation. */
  readonly storesName: boolean;
  /** Where crd.projectcalico.org/v1 keeps labels and annotations. Default: as the newest Calico. */
  readonly labels?: VersionRules["labels"];
}

/** The metadata of the object that is to be written. Refuses labels, annotations and sizes that Kubernetes would refuse. */
export function writeMetadata(metadata: V3Metadata, style: MetadataStyle): JsonObject {
  const isV1 = style.group === "crd.projectcalico.org/v1";
  const inAnnotation = isV1 && (style.labels ?? NEWEST_RULES.labels) === "annotation";
  const onObject = inAnnotation ? isOurs : () => true;
  const labels = sortedTexts(Object.fromEntries(pick(metadata.labels, onObject)));
  const annotations = Object.fromEntries([
    ...(isV1 ? [[METADATA_ANNOTATION, metadataAnnotation(metadata, style.storesName, inAnnotation)]] : []),
    ...pick(sortedTexts(metadata.annotations), onObject),
  ]) as Record<string, string>;
  refuseInvalid(labels, annotations);
  const lists = isV1 ? {} : { ownerReferences: metadata.ownerReferences, finalizers: metadata.finalizers };
  return compact({
    name: metadata.objectName ?? metadata.name,
    namespace: metadata.namespace,
    labels: filled(labels),
    annotations: filled(annotations),
    ...lists,
  });
}

/** Leaves out what is absent and lists without items. */
function compact(members: Readonly<Record<string, unknown>>): JsonObject {
  const present = Object.entries(members).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(present) as JsonObject;
}

/** The text of the metadata annotation, with its members in the order in which Calico writes them. */
function metadataAnnotation(metadata: V3Metadata, storesName: boolean, withLabels: boolean): string {
  return JSON.stringify(
    compact({
      name: storesName ? metadata.name : undefined,
      creationTimestamp: metadata.creationTimestamp,
      labels: withLabels ? filled(sortedTexts(metadata.labels)) : undefined,
      annotations: withLabels ? filled(sortedTexts(metadata.annotations)) : undefined,
      ownerReferences: metadata.ownerReferences,
      finalizers: metadata.finalizers,
    }),
  );
}

function refuseInvalid(labels: Record<string, string>, annotations: Record<string, string>): void {
  for (const [key, value] of Object.entries(labels)) {
    if (!isQualifiedName(key) || !isLabelValue(value)) {
      throw invalid("LABEL_INVALID", `Kubernetes would refuse the label "${key}" or its value`);
    }
  }
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    if (!isQualifiedName(key))
      throw invalid("ANNOTATION_INVALID", `Kubernetes would refuse the annotation "${key}"`);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ANNOTATION_BYTES) {
    throw invalid(
      "ANNOTATIONS_TOO_LARGE",
      `labels and annotations take ${bytes} bytes, Kubernetes allows 262144`,
    );
  }
}

function texts(value: Json | undefined): Record<string, string> {
  const entries = Object.entries(isJsonObject(value) ? value : {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function storedMetadata(annotation: string | undefined): JsonObject | undefined {
  if (annotation === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(annotation);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The v3 metadata of an object as read from Kubernetes, as Calico reads it: the metadata annotation over the object's
 * own labels and annotations. `name` is undefined when the annotation does not store one, `objectName` is the object's.
 * Members of a wrong type, and an annotation that is not JSON, count as absent.
 */
export function readMetadata(object: JsonObject): V3Metadata & { readonly storedName?: string | undefined } {
  const own = isJsonObject(object.metadata) ? object.metadata : {};
  const { [METADATA_ANNOTATION]: annotation, ...annotations } = texts(own.annotations);
  const stored = storedMetadata(annotation);
  const lists = stored ?? own;
  return {
    name: text(own.name) ?? "",
    storedName: text(stored?.name),
    namespace: text(own.namespace),
    labels: { ...texts(own.labels), ...texts(stored?.labels) },
    annotations: { ...annotations, ...texts(stored?.annotations) },
    creationTimestamp: text(stored?.creationTimestamp) ?? text(own.creationTimestamp),
    ownerReferences: list(lists.ownerReferences),
    finalizers: list(lists.finalizers),
  };
}
