import type { OwnerReference } from "../../calico/native/owner-references.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";

/** What `detail` of a checkpoint of this migration's ledger `resources` holds beside what every copy has. */
export interface NativeDetail {
  /** As projectcalico.org/v3 names it. */
  kind: string;
  /** Of both objects. */
  namespace?: string;
  /** Of the native object. */
  name: string;
  /** The UID under which the aggregated API shows the v1 object. */
  uid?: string;
  /** The Calico owners that the native object gets once these have native UIDs; none where there are none. */
  owners?: readonly OwnerReference[];
  /** What the native object says and the v1 object does not; left out when nothing. */
  changes?: readonly string[];
}

/** Reads the detail of a checkpoint of the ledger `resources`. */
export function nativeDetailOf({ detail }: Checkpoint): NativeDetail {
  return detail as unknown as NativeDetail;
}

/** The checkpoint with some members of its detail replaced; those that are undefined are taken away. */
export function withNativeDetail(
  checkpoint: Checkpoint,
  over: { readonly [M in keyof NativeDetail]?: NativeDetail[M] | undefined },
): Checkpoint {
  const merged = Object.entries({ ...checkpoint.detail, ...over }).filter(([, value]) => value !== undefined);
  return { ...checkpoint, detail: Object.fromEntries(merged) as JsonObject };
}
