import { nativeId } from "../../calico/native/native-ids.ts";
import { NATIVE_KINDS } from "../../calico/native/native-kinds.ts";
import { convertUid } from "../../calico/uid.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { type Context, resources } from "./context.ts";
import { nativeDetailOf } from "./native-detail.ts";
import type { OwnerIdentity, OwnerOf, OwnerReference } from "./owners/references.ts";

/** A reference to a Calico object, with the namespace of the object that has it. */
export interface PlacedReference {
  reference: OwnerReference;
  namespace?: string | undefined;
}

/**
 * Says which native objects references name from now on, as far as this run has copied them. The owner is found by name,
 * which may be the one that the old group stores, and is the right one only if the reference's UID is one of its two: the
 * old group's, or the one under which the aggregated API showed it.
 */
export async function ownerMap(context: Context, placed: readonly PlacedReference[]): Promise<OwnerOf> {
  const targets = [...new Set(placed.flatMap(candidates))];
  const rows = await resources(context).findByTarget(targets);
  const byUid = new Map(rows.flatMap(identified));
  return ({ uid }) => byUid.get(uid) ?? byUid.get(convertUid(uid) ?? "");
}

/** What has no UID in either group is nobody's owner. */
function identified(row: Checkpoint): [shown: string, owner: OwnerIdentity][] {
  const { kind, name, uid: shown } = nativeDetailOf(row);
  const { state, targetUid: uid } = row;
  if (state === "reverted" || uid === undefined || shown === undefined || shown === "") return [];
  return [[shown, { apiVersion: "projectcalico.org/v3", kind, name, uid }]];
}

/** Until 3.32 the old group had policies of the tier `default` under a prefix. */
function candidates({ reference, namespace }: PlacedReference): string[] {
  const kind = NATIVE_KINDS.find((one) => one.kind === reference.kind || one.v1Kind === reference.kind);
  if (kind === undefined) return [];
  const place = kind.namespaced ? namespace : undefined;
  if (kind.namespaced && place === undefined) return [];
  const bare = reference.name.replace(/^default\./, "");
  return [...new Set([reference.name, bare])].map((name) => nativeId(kind.kind, place, name));
}
