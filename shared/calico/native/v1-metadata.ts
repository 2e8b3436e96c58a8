import { z } from "zod";
import { invalid } from "../forwarded.ts";
import type { JsonObject } from "../../json.ts";
import { METADATA_ANNOTATION } from "../metadata.ts";
import { convertUid } from "../uid.ts";
import {
  isCalicoOwner,
  type OwnerReference,
  OwnerReferenceSchema,
  shownFromAnnotation,
  shownFromObject,
} from "./owner-references.ts";

/** The metadata of a v1 object as the aggregated API shows it. */
export interface ShownMetadata {
  /** Of the v1 object. */
  readonly objectName: string;
  /** What the metadata annotation stores; undefined where it stores none. */
  readonly storedName: string | undefined;
  readonly hasAnnotation: boolean;
  readonly namespace: string | undefined;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  readonly calicoOwners: readonly OwnerReference[];
  readonly otherOwners: readonly OwnerReference[];
}

// As Go reads them: null is as good as absent, and null in a map or list is an empty text.
const text = z.string().nullish();
const textOrNull = z
  .string()
  .nullable()
  .transform((value) => value ?? "");
const texts = z
  .record(z.string(), textOrNull)
  .nullish()
  .transform((value) => value ?? {});
const objectMeta = z.object({
  name: text,
  namespace: text,
  uid: text,
  creationTimestamp: z.iso.datetime({ offset: true }).nullish(),
  labels: texts,
  annotations: texts,
  ownerReferences: z
    .array(OwnerReferenceSchema)
    .nullish()
    .transform((value) => value ?? []),
  finalizers: z
    .array(textOrNull)
    .nullish()
    .transform((value) => value ?? []),
});
type ObjectMeta = z.infer<typeof objectMeta>;

function parseMeta(value: unknown, where: string): ObjectMeta {
  const parsed = objectMeta.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.join(".") ?? "";
  const member = path === "" ? where : `${path} in ${where}`;
  throw invalid("METADATA_INVALID", `${member} is not what Calico can read`);
}

function parseAnnotation(annotation: string): ObjectMeta {
  let value: unknown;
  try {
    value = JSON.parse(annotation);
  } catch {
    throw invalid("METADATA_INVALID", `the annotation ${METADATA_ANNOTATION} is not valid JSON`);
  }
  return parseMeta(value, `the annotation ${METADATA_ANNOTATION}`);
}

/**
 * Reads the metadata of a v1 object, the metadata annotation over the object's own labels and annotations
 * (libcalico-go/lib/backend/k8s/resources, ConvertK8sResourceToCalicoResource). Refuses what Calico cannot decode: such
 * an object is in force nowhere, and upstream leaves it out without a word.
 */
export function shownMetadata(v1: JsonObject): ShownMetadata {
  const own = parseMeta(v1.metadata, "metadata");
  const { [METADATA_ANNOTATION]: annotation, ...annotations } = own.annotations;
  const stored = annotation === undefined ? undefined : parseAnnotation(annotation);
  const { [METADATA_ANNOTATION]: _nested, ...storedAnnotations } = stored?.annotations ?? {};
  const owners = ownersOf(own, stored);
  return {
    objectName: own.name ?? "",
    storedName: filled(stored?.name),
    hasAnnotation: stored !== undefined,
    namespace: filled(own.namespace),
    uid: shownUid(own.uid),
    labels: { ...own.labels, ...stored?.labels },
    annotations: { ...annotations, ...storedAnnotations },
    finalizers: (stored ?? own).finalizers,
    calicoOwners: owners.filter(isCalicoOwner),
    otherOwners: owners.filter((owner) => !isCalicoOwner(owner)),
  };
}

function filled(value: string | null | undefined): string | undefined {
  return value === null || value === "" ? undefined : value;
}

function shownUid(uid: string | null | undefined): string {
  const shown = convertUid(uid ?? "");
  if (shown === undefined) throw invalid("UID_INVALID", "metadata.uid is no UUID");
  return shown;
}

/**
 * The annotation's owners, then those on the object itself. Upstream drops the latter wherever there is an annotation,
 * yet the garbage collector acts on them, so they are kept.
 */
function ownersOf(own: ObjectMeta, stored: ObjectMeta | undefined): OwnerReference[] {
  const owners = [
    ...(stored?.ownerReferences ?? []).map(shownFromAnnotation),
    ...own.ownerReferences.map(shownFromObject),
  ];
  return [...new Map(owners.toReversed().map((owner) => [owner.uid, owner])).values()].reverse();
}
