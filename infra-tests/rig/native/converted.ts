import { type CarriedNative, toNative } from "../../../shared/calico/native/to-native.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { objectAt, textAt } from "../../../shared/kubernetes/fields.ts";

/** A dump has no UIDs. */
const UID = "8b7e5c1a-0f4d-4e0c-9a57-1f5f0d9c1b2a";

/** What becomes of a v1 object out of a dump, under the UID of another. Throws an Error where it cannot be converted. */
export function convertedFromDump(v1: JsonObject): CarriedNative {
  const native = toNative({ ...v1, metadata: { ...objectAt(v1, "metadata"), uid: UID } });
  if (native.outcome === "broken") throw new Error(`${textAt(v1, "metadata", "name")}: ${native.reason}`);
  return native;
}
