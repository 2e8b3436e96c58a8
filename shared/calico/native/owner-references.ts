import { z } from "zod";
import { invalid } from "../forwarded.ts";
import { convertUid } from "../uid.ts";
import { nativeKindOf } from "./native-kinds.ts";

const flag = z.boolean().nullish();

/** An entry of metadata.ownerReferences; Kubernetes requires the four texts. */
export const OwnerReferenceSchema = z
  .object({
    apiVersion: z.string(),
    kind: z.string(),
    name: z.string(),
    uid: z.string(),
    controller: flag,
    blockOwnerDeletion: flag,
  })
  .transform(({ controller, blockOwnerDeletion, ...reference }) => ({
    ...reference,
    ...(typeof controller === "boolean" ? { controller } : {}),
    ...(typeof blockOwnerDeletion === "boolean" ? { blockOwnerDeletion } : {}),
  }));

/** A reference from an object to its owner. */
export type OwnerReference = z.infer<typeof OwnerReferenceSchema>;

const V1 = "crd.projectcalico.org/v1";
const V3 = "projectcalico.org/v3";

/** True for owners that Calico stores, in either group: they have another UID after the migration. */
export function isCalicoOwner({ apiVersion }: Pick<OwnerReference, "apiVersion">): boolean {
  return ["projectcalico.org", "crd.projectcalico.org"].includes(apiVersion.split("/")[0] ?? "");
}

/** A reference to a v1 object, by its own UID, as the aggregated API shows it. */
function shown(reference: OwnerReference): OwnerReference {
  const uid = convertUid(reference.uid);
  if (uid === undefined) {
    throw invalid("OWNER_UID_INVALID", `the UID of the owner ${reference.kind}/${reference.name} is no UUID`);
  }
  const kind = nativeKindOf(reference.kind)?.kind ?? reference.kind;
  return { ...reference, apiVersion: V3, kind, uid };
}

/** A reference in the metadata annotation as the aggregated API shows it: both groups are stored with the v1 UID there. */
export function shownFromAnnotation(reference: OwnerReference): OwnerReference {
  return [V1, V3].includes(reference.apiVersion) ? shown(reference) : reference;
}

/** A reference on the v1 object itself: one to projectcalico.org/v3 was taken from the aggregated API as it is. */
export function shownFromObject(reference: OwnerReference): OwnerReference {
  return reference.apiVersion === V1 ? shown(reference) : reference;
}
