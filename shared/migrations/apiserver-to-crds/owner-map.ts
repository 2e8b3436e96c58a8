import { nativeId } from "../../calico/native/native-ids.ts";
import { NATIVE_KINDS } from "../../calico/native/native-kinds.ts";
import { type Context, resources } from "./context.ts";
import { nativeDetailOf } from "./native-detail.ts";
import type { OwnerOf, OwnerReference } from "./owners/references.ts";

/** A reference to a Calico object, with the namespace of the object that has it. */
export interface PlacedReference {
  reference: OwnerReference;
  namespace?: string | undefined;
}

/**
 * Says which native objects references name from now on. The owner is found by name, and is the right one only if the
 * aggregated API showed it under the reference's UID; references may hold the name that the old group stores.
 */
export async function ownerMap(context: Context, placed: readonly PlacedReference[]): Promise<OwnerOf> {
  const targets = [...new Set(placed.flatMap(candidates))];
  const rows = await resources(context).findByTarget(targets);
  const byUid = new Map(rows.map((row) => [nativeDetailOf(row).uid, row]));
  return (reference) => {
    const row = byUid.get(reference.uid);
    if (row?.targetUid === undefined || row.state === "reverted") return undefined;
    const { kind, name } = nativeDetailOf(row);
    return { apiVersion: "projectcalico.org/v3", kind, name, uid: row.targetUid };
  };
}

function candidates({ reference, namespace }: PlacedReference): string[] {
  const kind = NATIVE_KINDS.find((one) => one.kind === reference.kind || one.v1Kind === reference.kind);
  if (kind === undefined) return [];
  const place = kind.namespaced ? namespace : undefined;
  if (kind.namespaced && place === undefined) return [];
  const bare = reference.name.replace(/^default\./, "");
  return [...new Set([reference.name, bare])].map((name) => nativeId(kind.kind, place, name));
}
