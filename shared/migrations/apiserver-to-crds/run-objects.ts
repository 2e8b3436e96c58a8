import { nativeId } from "../../calico/native/native-ids.ts";
import { NATIVE_KINDS } from "../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { isOurs } from "../target/ownership.ts";
import { releasedUids } from "../target/released.ts";
import { type Context, resources } from "./context.ts";

/** The kinds of the native group, ClusterInformation among them, by their plurals. */
export const KIND_OF: ReadonlyMap<string, string> = new Map([
  ["clusterinformations", "ClusterInformation"],
  ...NATIVE_KINDS.map(({ plural, kind }) => [plural, kind] as const),
]);

/** The id of a native object; of an object of a kind that is not Calico's, what no native object has. */
export function idOf({ plural, namespace, name }: Omit<ObjectRef, "apiVersion">): string {
  const kind = KIND_OF.get(plural);
  return kind === undefined ? `${plural} ${namespace ?? ""} ${name}` : nativeId(kind, namespace, name);
}

/** Where an object is that a list of a resource has shown. */
export function placeOf(plural: string, object: JsonObject): Omit<ObjectRef, "apiVersion"> {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? { plural, name } : { plural, namespace, name };
}

/**
 * Of native objects of one resource those that this run has written: told by their managed fields, or, where these do not
 * tell it any more, by the UIDs that are recorded.
 */
export async function writtenByRun(
  context: Context,
  plural: string,
  objects: readonly JsonObject[],
): Promise<JsonObject[]> {
  const ids = objects.map((object) => idOf(placeOf(plural, object)));
  const rows = await resources(context).findByTarget(ids);
  const created = rows.filter((row) => detailOf(row).created === true);
  const noted = await releasedUids(context, ids);
  const uids = new Set([...noted, ...created.map(({ targetUid }) => targetUid)]);
  return objects.filter((object) => isOurs(context, object) || uids.has(textAt(object, "metadata", "uid")));
}
