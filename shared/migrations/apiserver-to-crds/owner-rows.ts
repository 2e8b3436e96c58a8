import type { z } from "zod";
import type { Checkpoint, CheckpointState } from "../../engine/records.ts";
import { type Context, foreignOwners } from "./context.ts";
import { OwnedRecord } from "./owners/references.ts";

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
