import type { z } from "zod";
import { kindInfo, targetKind } from "../../calico/kinds.ts";
import { nativeId } from "../../calico/native/native-ids.ts";
import { convertUid } from "../../calico/uid.ts";
import type { Checkpoint, CheckpointState } from "../../engine/records.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { type Context, foreignOwners, resources } from "./context.ts";
import { OwnedRecord, type OwnerIdentity, type OwnerOf, type OwnerReference } from "./owners/references.ts";

/** All in one rank: nothing depends on their order. */
export const OWNERS_RANK = 1;

/** `restored` is what was put back with native owners: what the way back has to take off again. */
const Detail = OwnedRecord.extend({ restored: OwnedRecord.shape.references.optional() });
export type OwnerDetail = z.infer<typeof Detail>;

/** What a row keeps of an object. */
export function ownerDetail(row: Checkpoint): OwnerDetail {
  return Detail.parse(row.detail);
}

/** The key of an object's row. */
export function ownerKey({ apiVersion, plural, namespace = "", name }: OwnedRecord): string {
  return `${apiVersion}/${plural}/${namespace}/${name}`;
}

/**
 * Keeps what is to be taken off, durably. A row of the same object stays as it is, since what it has taken off before is not
 * on the object any more; a new object of that name replaces it.
 *
 * @returns the keys, to be released
 */
export async function keepOwned(context: Context, records: readonly OwnedRecord[]): Promise<string[]> {
  const keys = records.map(ownerKey);
  const known = await foreignOwners(context).get(keys.map((key) => ({ rank: OWNERS_RANK, key })));
  const byKey = new Map(known.map((row) => [row.key, ownerDetail(row)]));
  const rows = records.map((record) => {
    const before = byKey.get(ownerKey(record));
    return ownerRow(before?.uid === record.uid ? before : record, "pending");
  });
  await foreignOwners(context).put(rows);
  return keys;
}

/** A row: `pending` before its references are taken off, `applied` after, `verified` with native owners, `reverted` as found. */
export function ownerRow(detail: OwnerDetail, state: CheckpointState): Checkpoint {
  const key = ownerKey(detail);
  return {
    rank: OWNERS_RANK,
    key,
    state,
    target: key,
    sourceRevision: 0,
    targetUid: detail.uid,
    detail: { ...detail },
  };
}

/** The native owners of these references of an object, as far as this run has copied them. */
export async function nativeOwners(
  context: Context,
  namespace: string | undefined,
  references: readonly OwnerReference[],
): Promise<OwnerOf> {
  const found = await Promise.all(
    references.map(
      async (reference) => [reference.uid, await nativeOwner(context, namespace, reference)] as const,
    ),
  );
  const owners = new Map(found);
  return ({ uid }) => owners.get(uid);
}

async function nativeOwner(
  context: Context,
  namespace: string | undefined,
  reference: OwnerReference,
): Promise<OwnerIdentity | undefined> {
  const { kind, namespaced } = ownerKind(reference.kind) ?? {};
  if (kind === undefined) return undefined;
  const space = namespaced === true ? namespace : undefined;
  const targets = namesOf(reference.name).map((name) => nativeId(kind, space, name));
  const rows = await resources(context).findByTarget(targets);
  const row = rows.find(({ detail }) => isOwner(textAt(detail, "uid"), reference.uid));
  if (row?.targetUid === undefined) return undefined;
  const name = row.target.slice(row.target.lastIndexOf("/") + 1);
  return { apiVersion: "projectcalico.org/v3", kind, name, uid: row.targetUid };
}

/** By either group's name of the kind; undefined for what is no custom resource of Calico. */
function ownerKind(kind: string): { kind: string; namespaced: boolean } | undefined {
  try {
    const info = kindInfo(kind);
    return { kind: targetKind(info, "projectcalico.org/v3").kind, namespaced: info.namespaced };
  } catch {
    return undefined;
  }
}

/** Until 3.32 the old group had policies of the tier `default` under a prefix. */
function namesOf(name: string): string[] {
  return name.startsWith("default.") ? [name, name.slice("default.".length)] : [name];
}

/** Rows have the UID under which the aggregated API server shows the object; a reference may have that of the old group. */
function isOwner(shown: string, uid: string): boolean {
  return shown !== "" && (shown === uid || shown === convertUid(uid));
}
