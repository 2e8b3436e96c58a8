import { nativeId } from "../../calico/native/native-ids.ts";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import { convertUid } from "../../calico/uid.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { readTarget } from "../target/calls.ts";
import { keepRemoved } from "./api-service.ts";
import { type Context, resources, SECOND } from "./context.ts";
import { notServed } from "./native-api.ts";
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

/**
 * Of these owners those alone that a version of the native group shows at this moment, under the UIDs by which references would name
 * them: the garbage collector deletes objects whose owners it does not find. Throws NATIVE_NOT_SERVED while others show that version.
 */
export async function ownersThere(
  context: Context,
  version: string,
  placed: readonly PlacedReference[],
  ownerOf: OwnerOf,
): Promise<OwnerOf> {
  const there = new Map<string, Promise<boolean>>();
  for (const { reference, namespace } of placed) {
    const owner = ownerOf(reference);
    if (owner !== undefined && !there.has(owner.uid))
      there.set(owner.uid, isThere(context, version, owner, namespace));
  }
  const found = new Set<string>();
  for (const [uid, isFound] of there) if (await isFound) found.add(uid);
  return (reference) => {
    const owner = ownerOf(reference);
    return owner !== undefined && found.has(owner.uid) ? owner : undefined;
  };
}

async function isThere(
  context: Context,
  version: string,
  { kind, name, uid }: OwnerIdentity,
  namespace: string | undefined,
): Promise<boolean> {
  const { plural, namespaced } = nativeKind(kind);
  const ref = { apiVersion: version, plural, name };
  const found = await readTarget(
    context,
    namespaced && namespace !== undefined ? { ...ref, namespace } : ref,
  );
  if (found !== undefined && textAt(found, "metadata", "uid") === uid) return true;
  // Whoever shows this version may not have what is native.
  if (version !== SECOND && (await keepRemoved(context)) !== undefined) throw notServed({ plural });
  return false;
}

function nativeKind(wanted: string): NativeKind {
  const kind = NATIVE_KINDS.find((one) => one.kind === wanted);
  if (kind === undefined) throw new Error(`no native kind is "${wanted}"`);
  return kind;
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
