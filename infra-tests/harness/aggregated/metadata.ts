import { isJsonObject, type Json, type JsonObject } from "../../../shared/json.ts";
import { objectAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { METADATA_ANNOTATION, readMetadata, writeMetadata } from "../../../shared/calico/metadata.ts";
import { policyName } from "../../../shared/calico/names.ts";
import { convertUid } from "../../../shared/calico/uid.ts";
import { SERVED_VERSION, type ServedKind, STORED_VERSION } from "./kinds.ts";

/** An object of the old group that Calico cannot read: its lists leave it out, reading it alone fails. */
export class Unreadable extends Error {}

/** The metadata under which the aggregated API shows an object of the old group. Throws {@link Unreadable}. */
export function shownMetadata(stored: JsonObject, { info }: ServedKind): JsonObject {
  const own = objectAt(stored, "metadata");
  const { name, namespace, uid, resourceVersion } = own;
  const annotation = objectAt(own, "annotations")[METADATA_ANNOTATION];
  // Without the annotation nothing is translated but the UID, not even the name.
  if (annotation === undefined) return { ...own, uid: otherUid(uid) };
  requireObject(annotation);
  const { storedName, labels, annotations, creationTimestamp, ownerReferences, finalizers } =
    readMetadata(stored);
  const derived = info.tiered
    ? policyName(textAt(own, "name"), textAt(stored, "spec", "tier"))
    : (name ?? "");
  return {
    name: storedName ?? derived,
    namespace,
    uid: otherUid(uid),
    resourceVersion,
    creationTimestamp,
    labels: filled({ ...labels }),
    annotations: filled({ ...annotations }),
    ownerReferences: filled(ownerReferences.map((owner) => withOtherOwner(owner, SERVED_VERSION))),
    finalizers: filled([...finalizers]),
  };
}

/** The metadata that an object of the aggregated API is stored with. Throws Refusal for labels that Kubernetes refuses. */
export function storedMetadata(shown: JsonObject, { info }: ServedKind): JsonObject {
  const { uid, resourceVersion } = objectAt(shown, "metadata");
  const { ownerReferences, ...metadata } = readMetadata(shown);
  const owners = ownerReferences.map((owner) => withOtherOwner(owner, STORED_VERSION));
  return {
    ...writeMetadata(
      { ...metadata, ownerReferences: owners },
      { group: STORED_VERSION, storesName: info.tiered },
    ),
    ...(uid === undefined ? {} : { uid: otherUid(uid) }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** The UID of the same object in the other group. Throws {@link Unreadable} for what is no UID. */
export function otherUid(uid: Json | undefined): string {
  const other = typeof uid === "string" ? convertUid(uid) : undefined;
  if (other === undefined) throw new Unreadable("the UID is none");
  return other;
}

// References that name the served version in storage are older than the translation of UIDs: they are translated alike.
function withOtherOwner(owner: Json, apiVersion: string): Json {
  if (!isJsonObject(owner)) return owner;
  const calico = owner["apiVersion"] === SERVED_VERSION || owner["apiVersion"] === STORED_VERSION;
  return calico ? { ...owner, apiVersion, uid: otherUid(owner["uid"]) } : owner;
}

function requireObject(annotation: Json): void {
  let value: unknown;
  try {
    value = typeof annotation === "string" ? JSON.parse(annotation) : undefined;
  } catch {
    value = undefined;
  }
  if (!isJsonObject(value))
    throw new Unreadable(`the annotation ${METADATA_ANNOTATION} is not a JSON object`);
}

function filled<T extends JsonObject | Json[]>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}
