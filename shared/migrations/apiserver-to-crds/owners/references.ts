import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { objectAt, objectsAt } from "../../../kubernetes/fields.ts";

/** An entry of metadata.ownerReferences, with whatever flags it has. */
const OwnerReference = z
  .object({ apiVersion: z.string(), kind: z.string(), name: z.string(), uid: z.string() })
  .catchall(z.json());

/** An entry of metadata.ownerReferences. */
export type OwnerReference = z.infer<typeof OwnerReference>;

/** An object that is not Calico's, with its references to Calico objects: what a ledger row keeps of it. */
export const OwnedRecord = z.object({
  apiVersion: z.string(),
  plural: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  uid: z.string(),
  /** `at` is the place in the list, from 0. */
  references: z.array(z.object({ at: z.int().nonnegative(), reference: OwnerReference })),
  /** Who had set them, as entries of managedFields; runs of old have not kept it. */
  managers: z.array(z.custom<JsonObject>(isJsonObject)).optional(),
});

/** An object that is not Calico's, with its references to Calico objects. */
export type OwnedRecord = z.infer<typeof OwnedRecord>;

/** The part of a reference that says which object is the owner. */
export type OwnerIdentity = Pick<OwnerReference, "apiVersion" | "kind" | "name" | "uid">;

/** Says which object a reference shall name from now on; undefined where there is none. */
export type OwnerOf = (reference: OwnerReference) => OwnerIdentity | undefined;

/** The references of an object with those to Calico put back. */
export interface RestoredReferences {
  references: OwnerReference[];
  /** Saved references whose owner is not known: they stay off. */
  missing: OwnerReference[];
  /** References that were the controller's and are put back without that flag, as another object has become the controller. */
  demoted: OwnerReference[];
}

const calicoGroups = new Set(["projectcalico.org", "crd.projectcalico.org"]);

/** True for API groups whose objects the migration carries. */
export function isCalicoGroup(group: string): boolean {
  return calicoGroups.has(group);
}

/** The references of an object that have what every reference must have. */
export function ownerReferences(object: JsonObject): OwnerReference[] {
  return objectsAt(object, "metadata", "ownerReferences").flatMap((entry) => {
    const parsed = OwnerReference.safeParse(entry);
    return parsed.success ? [parsed.data] : [];
  });
}

/** The references of an object to Calico objects, with their places. */
export function calicoReferences(object: JsonObject): OwnedRecord["references"] {
  return ownerReferences(object)
    .map((reference, at) => ({ at, reference }))
    .filter(({ reference }) => isCalico(reference));
}

/** Puts the saved references of an object back among those it has now, at their places, each with its present owner. */
export function restoredReferences(
  object: JsonObject,
  saved: OwnedRecord["references"],
  ownerOf: OwnerOf,
): RestoredReferences {
  const restored: RestoredReferences = {
    references: presentReferences(object, ownerOf),
    missing: [],
    demoted: [],
  };
  for (const { at, reference } of saved) {
    const owner = ownerOf(reference);
    if (owner === undefined) restored.missing.push(reference);
    else insert(restored, at, { ...reference, ...owner });
  }
  return restored;
}

/** The merge patch that sets these references, if the object is still as it was read: KUBERNETES_CONFLICT otherwise. */
export function referencesPatch(object: JsonObject, references: OwnerReference[]): JsonObject {
  const { uid, resourceVersion } = objectAt(object, "metadata");
  return { metadata: { uid, resourceVersion, ownerReferences: references } };
}

/** Somebody may have put a reference to an old owner back since; it gets its present owner as well. */
function presentReferences(object: JsonObject, ownerOf: OwnerOf): OwnerReference[] {
  const uids = new Set<string>();
  return ownerReferences(object)
    .map((reference) => (isCalico(reference) ? { ...reference, ...ownerOf(reference) } : reference))
    .filter(({ uid }) => !uids.has(uid) && uids.add(uid));
}

/** The API server accepts one controller only. */
function insert({ references, demoted }: RestoredReferences, at: number, reference: OwnerReference): void {
  if (references.some(({ uid }) => uid === reference.uid)) return;
  const isTaken =
    reference["controller"] === true && references.some(({ controller }) => controller === true);
  if (isTaken) demoted.push(reference);
  references.splice(at, 0, isTaken ? { ...reference, controller: false } : reference);
}

function isCalico({ apiVersion }: OwnerReference): boolean {
  return isCalicoGroup(apiVersion.slice(0, Math.max(apiVersion.indexOf("/"), 0)));
}
