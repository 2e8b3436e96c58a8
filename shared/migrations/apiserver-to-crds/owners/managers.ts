import type { Json, JsonObject } from "../../../json.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { isRunManager } from "../../../kubernetes/managed-fields.ts";
import type { OwnedRecord } from "./references.ts";

/** How an entry of managedFields names an item of metadata.ownerReferences. */
function keyOf(uid: string): string {
  return `k:${JSON.stringify({ uid })}`;
}

/**
 * Who has set references to owners of these UIDs, as entries of managedFields with nothing else in them: taken off and put back, they
 * would belong to whoever did that, so that no applier could take them off any more.
 */
export function managersOfReferences(
  object: JsonObject,
  references: OwnedRecord["references"],
): JsonObject[] {
  const keys = references.map(({ reference }) => keyOf(reference.uid));
  return objectsAt(object, "metadata", "managedFields").flatMap((entry) => {
    const set = objectAt(entry, "fieldsV1", "f:metadata", "f:ownerReferences");
    const known = keys.filter((key) => key in set);
    if (known.length === 0 || isRunManager(textAt(entry, "manager"))) return [];
    const kept = Object.fromEntries(["."].concat(known).flatMap((key) => (key in set ? [[key, {}]] : [])));
    return [{ ...entry, fieldsV1: { "f:metadata": { "f:ownerReferences": kept } } }];
  });
}

/** The same entries once the references are back, with the UIDs that they have then: each in its place. */
export function managersOnceBack(
  { references, managers = [] }: OwnedRecord,
  back: OwnedRecord["references"] = references,
): JsonObject[] {
  const byPlace = new Map(back.map(({ at, reference }) => [at, keyOf(reference.uid)]));
  const keys = new Map(references.map(({ at, reference }) => [keyOf(reference.uid), byPlace.get(at)]));
  return managers.map((entry) => {
    const set = objectAt(entry, "fieldsV1", "f:metadata", "f:ownerReferences");
    const renamed = Object.entries(set).map(([key, below]): [string, Json] => [
      keys.get(key) ?? key,
      below ?? {},
    ]);
    return { ...entry, fieldsV1: { "f:metadata": { "f:ownerReferences": Object.fromEntries(renamed) } } };
  });
}
