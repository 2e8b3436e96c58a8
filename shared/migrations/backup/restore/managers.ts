import { parseExactJson } from "../../../exact-json.ts";
import type { JsonObject } from "../../../json.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { isRunManager } from "../../../kubernetes/managed-fields.ts";

/**
 * A backup that was exported and imported knows no managers. If nobody owned any field of an object, the API server
 * would give all of them to `before-first-apply` at the first apply, and then nobody could take a field off it. So
 * this manager owns the member `spec` itself, and nothing in it.
 */
const FROM_BACKUP = {
  manager: "backup",
  operation: "Update",
  fieldsType: "FieldsV1",
  fieldsV1: { "f:spec": {} },
};

/** Whose the fields of an object are once it is put back: theirs who managed them in the backup. */
export function managersInBackup(object: JsonObject, apiVersion: string): JsonObject[] {
  const managers = managersOf(object).filter((entry) => !isRunManager(textAt(entry, "manager")));
  return managers.length === 0 ? [{ ...FROM_BACKUP, apiVersion }] : managers;
}

/** Whose they were, of an object that is kept as text; of one that was not there nobody's. */
export function managersBefore(text: string | null | undefined): JsonObject[] {
  return typeof text === "string" ? managersOf(parseExactJson(text) as JsonObject) : [];
}

function managersOf(object: JsonObject): JsonObject[] {
  return objectsAt(object, "metadata", "managedFields");
}
