import type { JsonObject } from "../../../../json.ts";

/** The strings in the list at a member; none where there is no list. */
export function textsAt(object: JsonObject, member: string): string[] {
  const list = object[member];
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}
