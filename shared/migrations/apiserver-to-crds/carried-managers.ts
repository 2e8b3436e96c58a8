import { METADATA_ANNOTATION } from "../../calico/metadata.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";

const NATIVE = "projectcalico.org/v3";

/**
 * Programs whose entry in the old group says only how an object came to be stored there: Calico's own, of which the
 * aggregated API server will never give a field up, and what says no name.
 */
const STORES =
  /^(|unknown|node|undici|calico.*|(calico-)?apiserver|felix|typha|kube-controllers|confd|libcalico.*)$/i;

/**
 * What such a program keeps owning: the member `spec` itself, and nothing in it. If nobody owned any field of an
 * object, the API server would give all of them to `before-first-apply` at the first apply, and then nobody could
 * take a field off it.
 */
const STORED = { "f:spec": {} };

/**
 * Who manages a v1 object, as entries of its native one. The aggregated API keeps who wrote through it in the metadata
 * annotation. Besides, whoever applies to the old group itself owns what it applies; and where the annotation says
 * nothing, whoever else has written there.
 */
export function carriedManagers(v1: JsonObject): JsonObject[] {
  const shown = shownManagers(v1);
  const own = objectsAt(v1, "metadata", "managedFields").flatMap((entry) => {
    if (entry["operation"] === "Apply") return [entry];
    if (shown.length > 0 || textAt(entry, "subresource") !== "") return [];
    return [STORES.test(textAt(entry, "manager")) ? { ...entry, fieldsV1: STORED } : entry];
  });
  return [...shown, ...own].map((entry) => ({ ...entry, apiVersion: NATIVE }));
}

/** What is no list of entries tells nothing. */
function shownManagers(v1: JsonObject): JsonObject[] {
  const annotation = textAt(objectAt(v1, "metadata", "annotations"), METADATA_ANNOTATION);
  try {
    const stored: unknown = annotation === "" ? {} : JSON.parse(annotation);
    return isJsonObject(stored) ? objectsAt(stored, "managedFields").filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(entry: JsonObject): boolean {
  return textAt(entry, "operation") !== "" && isJsonObject(entry["fieldsV1"]);
}
