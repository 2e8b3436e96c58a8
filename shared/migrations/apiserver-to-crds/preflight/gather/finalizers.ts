import { METADATA_ANNOTATION } from "../../../../calico/metadata.ts";
import { isJsonObject, type JsonObject } from "../../../../json.ts";
import { objectAt, textAt } from "../../../../kubernetes/fields.ts";
import { isLeaving } from "../../../target/leaving.ts";
import { textsAt } from "./texts.ts";

const NAMED = 20;

/** What is counted of objects that cannot simply be deleted, or are being deleted. */
export interface Held {
  held: { count: number; first: string[] };
  deleting: { count: number; first: string[] };
}

/** Nothing yet. */
export function noneHeld(): Held {
  return { held: { count: 0, first: [] }, deleting: { count: 0, first: [] } };
}

/**
 * Counts a page of objects of a kind of the old group. Calico keeps the metadata that its API server shows in an annotation,
 * the finalizers and the deletion among them; to kube-apiserver they are no more than a text.
 * (libcalico-go/lib/backend/k8s/resources, ConvertCalicoResourceToK8sResource)
 */
export function tallyHeld({ held, deleting }: Held, kind: string, page: readonly JsonObject[]): void {
  for (const object of page) {
    const metadata = objectAt(object, "metadata");
    const { [METADATA_ANNOTATION]: annotation } = objectAt(metadata, "annotations");
    const shown = typeof annotation === "string" ? parsed(annotation) : undefined;
    const finalizers = textsAt(metadata, "finalizers");
    const lost = shown === undefined ? "" : ", not carried over";
    if (finalizers.length > 0) add(held, `${kind} ${nameOf(object)} (${finalizers.join(", ")}${lost})`);
    if (isLeaving(object)) add(deleting, `${kind} ${nameOf(object)}`);
  }
}

/** A check of its own tells of broken metadata. */
function parsed(annotation: string): JsonObject {
  try {
    const value: unknown = JSON.parse(annotation);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function add(named: { count: number; first: string[] }, name: string): void {
  named.count++;
  if (named.first.length < NAMED) named.first.push(name);
}

function nameOf(object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? name : `${namespace}/${name}`;
}
