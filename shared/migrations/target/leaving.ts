import { METADATA_ANNOTATION } from "../../calico/metadata.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { objectAt } from "../../kubernetes/fields.ts";

/**
 * True for an object whose deletion is pending: finalizers hold it, nobody can take its deletion back, and it vanishes without
 * another word. Nothing may count on it. Of an object that was deleted by way of Calico's API server, which keeps the metadata that
 * it shows in an annotation, the annotation alone tells it.
 */
export function isLeaving(object: JsonObject): boolean {
  return bothMetadata(object).some((metadata) => typeof metadata["deletionTimestamp"] === "string");
}

/** That an object is being deleted, and what holds it, for people. */
export function leavingText(object: JsonObject): string {
  const names = bothMetadata(object).flatMap(({ finalizers }) =>
    Array.isArray(finalizers) ? finalizers.filter((one) => typeof one === "string") : [],
  );
  const holders = [...new Set(names)];
  return holders.length === 0
    ? "it is being deleted"
    : `it is being deleted, and held by ${holders.join(", ")}`;
}

/** Those of the object, and those that Calico's API server shows of it. */
function bothMetadata(object: JsonObject): JsonObject[] {
  const { [METADATA_ANNOTATION]: annotation } = objectAt(object, "metadata", "annotations");
  // Only an annotation that mentions a deletion is worth parsing.
  const isTold = typeof annotation === "string" && annotation.includes("deletionTimestamp");
  return [objectAt(object, "metadata"), isTold ? parsed(annotation) : {}];
}

/** Whoever converts the object tells of broken metadata. */
function parsed(annotation: string): JsonObject {
  try {
    const value: unknown = JSON.parse(annotation);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
