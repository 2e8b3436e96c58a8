import type { Carried } from "../../calico/forwarded.ts";
import type { TargetGroup } from "../../calico/kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import type { JsonObject } from "../../json.ts";

/** A resource to copy: its checkpoint, the value that was read, and what it becomes. */
export interface Copy {
  checkpoint: Checkpoint;
  source: EtcdKeyValue;
  carried: Carried;
  targetGroup: TargetGroup;
}

/** The checkpoint of a resource that the target now holds. A decision for the source stays known; any other is over. */
export function appliedCheckpoint(copy: Copy, targetUid: string, created: boolean): Checkpoint {
  const detail = withoutTrouble(copy.checkpoint.detail);
  const isSame = copy.checkpoint.targetUid === targetUid;
  const kept = created || (isSame && copy.checkpoint.detail["created"] === true);
  return {
    ...copy.checkpoint,
    state: "applied",
    sourceRevision: copy.source.modRevision,
    sourceHash: copy.carried.sourceHash,
    targetUid,
    detail: { ...detail, created: kept },
  };
}

/** Without what is true no longer once a resource is settled. */
function withoutTrouble(detail: JsonObject): JsonObject {
  const { code, reason, pass, gone, conflict, ...kept } = detail;
  if (kept["resolved"] === "source") return kept;
  const { resolved, resolvedBy, held, ...undecided } = kept;
  return undecided;
}
