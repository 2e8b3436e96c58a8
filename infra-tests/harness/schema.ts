import type { JsonObject } from "../../shared/json.ts";

// A few words for structural schemas (apiextensions.k8s.io/v1), so that a CRD's schema reads like a table.

/** Further members of a schema: `default`, `maxLength`, `pattern`… */
type More = JsonObject;

/** A string. */
export const text = (more: More = {}): JsonObject => ({ type: "string", ...more });
/** A string that is one of the given values. */
export const choice = (values: readonly string[], more: More = {}): JsonObject =>
  text({ enum: [...values], ...more });
/** A whole number. */
export const integer = (more: More = {}): JsonObject => ({ type: "integer", ...more });
/** Any number. */
export const number = (more: More = {}): JsonObject => ({ type: "number", ...more });
/** True or false. */
export const flag = (more: More = {}): JsonObject => ({ type: "boolean", ...more });
/** A number or a name, as ports and protocols are. */
export const intOrString = (): JsonObject => ({ "x-kubernetes-int-or-string": true });
/** A list whose order means something. */
export const list = (items: JsonObject, more: More = {}): JsonObject => ({ type: "array", items, ...more });
/** A list of distinct scalars. */
export const set = (items: JsonObject, more: More = {}): JsonObject =>
  list(items, { "x-kubernetes-list-type": "set", ...more });
/** An object with free keys. */
export const map = (values: JsonObject): JsonObject => ({ type: "object", additionalProperties: values });
/** An object with these members, of which those in `required` must be there. */
export const object = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: "object",
  properties,
  ...(required.length === 0 ? {} : { required: [...required] }),
});

/** The same schema for several members. */
export function each(names: readonly string[], schema: JsonObject): JsonObject {
  return Object.fromEntries(names.map((name) => [name, schema]));
}
