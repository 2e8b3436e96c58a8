import { sourceHash } from "../../../calico/stored-value.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { isMadeAgain } from "../source-changes.ts";

/** Why what etcd has is kept. */
export const WRITTEN_SINCE = "it was written or deleted in etcd since the unlock: etcd's is kept";

/**
 * True where somebody has written to etcd since the unlock, locked or not; not for what this way back has written itself, though its
 * worker died before it could say so. What every node writes on a ticker is nobody's decision.
 */
export function isWrittenSince(row: Checkpoint, source: EtcdKeyValue | undefined): boolean {
  if (isMadeAgain(row.key) || (source?.modRevision ?? 0) === row.sourceRevision) return false;
  return source === undefined || detailOf(row).writing !== sourceHash(source.value);
}
