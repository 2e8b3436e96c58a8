import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import type { Restored } from "./backward-ipam.ts";
import {
  ANNOTATIONS_ANNOTATION,
  AS_NUMBER_ANNOTATION,
  INTERFACES_ANNOTATION,
  KUBE_LABELS_ANNOTATION,
  LABELS_ANNOTATION,
  NODE_FIELDS,
} from "./node-annotations.ts";
import type { Translate } from "./node-references.ts";
import { listAt, objectAt, parseStoredObject, textAt, textsAt } from "./stored-value.ts";

type Texts = Readonly<Record<string, string>>;

/** Puts a value at a path, or takes it away, making and dropping the objects on the way. */
function place(
  target: JsonObject,
  [member, ...rest]: readonly [string, ...string[]],
  value: Json | undefined,
): void {
  const [next, ...others] = rest;
  let placed = value;
  if (next !== undefined) {
    const inner = isJsonObject(target[member]) ? target[member] : {};
    place(inner, [next, ...others], value);
    placed = Object.keys(inner).length === 0 ? undefined : inner;
  }
  if (placed === undefined) Reflect.deleteProperty(target, member);
  else target[member] = placed;
}

function jsonTexts(annotations: Texts, key: string): Texts {
  const text = annotations[key];
  return text === undefined || text === "" ? {} : textsAt(parseStoredObject(text), key);
}

function interfaces(annotations: Texts): Json | undefined {
  const text = annotations[INTERFACES_ANNOTATION];
  return text === undefined
    ? undefined
    : listAt(parseStoredObject(`{"items":${text}}`).items, INTERFACES_ANNOTATION);
}

/** Labels and annotations of etcd's Node, with the labels inherited from Kubernetes as kube-controllers notes them. */
function inherit(labels: Texts, annotations: Texts, inherited: Texts): JsonObject {
  if (Object.keys(inherited).length === 0) return { labels: { ...labels }, annotations: { ...annotations } };
  return {
    labels: { ...labels, ...inherited },
    annotations: { ...annotations, [KUBE_LABELS_ANNOTATION]: JSON.stringify(inherited) },
  };
}

/** The labels that etcd's Node has from Kubernetes: what it notes; for a new one, what the Kubernetes Node has. */
function inheritedLabels(metadata: JsonObject, existing: JsonObject | undefined): Texts {
  if (existing === undefined) return textsAt(metadata.labels, "metadata.labels");
  const old = objectAt(existing.metadata, "metadata");
  const noted = jsonTexts(textsAt(old.annotations, "metadata.annotations"), KUBE_LABELS_ANNOTATION);
  const labels = textsAt(old.labels, "metadata.labels");
  return Object.fromEntries(Object.entries(labels).filter(([key]) => noted[key] !== undefined));
}

function newNode(kubernetesName: string): JsonObject {
  return {
    kind: "Node",
    apiVersion: "projectcalico.org/v3",
    metadata: {},
    spec: { orchRefs: [{ nodeName: kubernetesName, orchestrator: "k8s" }] },
  };
}

function withoutEmpty(members: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => !isJsonObject(value) || Object.keys(value).length > 0),
  );
}

/**
 * A core Node back to etcd's Node: what its annotations hold over what etcd has, or a new Node that refers to it.
 * Uses up `existing`.
 */
export function restoreNode(
  object: JsonObject,
  existing: JsonObject | undefined,
  translate: Translate,
): Restored {
  const metadata = objectAt(object.metadata, "metadata");
  const annotations = textsAt(metadata.annotations, "metadata.annotations");
  const kubernetesName = textAt(metadata.name, "metadata.name") ?? "";
  const name = translate(kubernetesName);
  const value = existing ?? newNode(kubernetesName);
  for (const [annotation, path] of NODE_FIELDS) {
    const text = annotations[annotation];
    place(value, path, text === "" ? undefined : text);
  }
  const asNumber = annotations[AS_NUMBER_ANNOTATION];
  place(value, ["spec", "bgp", "asNumber"], asNumber === undefined ? undefined : Number(asNumber));
  place(value, ["spec", "interfaces"], interfaces(annotations));
  const own = jsonTexts(annotations, LABELS_ANNOTATION);
  const texts = inherit(
    own,
    jsonTexts(annotations, ANNOTATIONS_ANNOTATION),
    inheritedLabels(metadata, existing),
  );
  value.metadata = withoutEmpty({ ...objectAt(value.metadata, "metadata"), name, ...texts });
  return { data: { type: "resource", kind: "Node", name }, value };
}
