import type { Carried } from "../../calico/forwarded.ts";
import type { TargetGroup } from "../../calico/kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";

/** A resource to copy: its checkpoint, the value that was read, and what it becomes. */
export interface Copy {
  checkpoint: Checkpoint;
  source: EtcdKeyValue;
  carried: Carried;
  targetGroup: TargetGroup;
}

/** The checkpoint of a resource that the target now holds. */
export function appliedCheckpoint(copy: Copy, targetUid: string, created: boolean): Checkpoint {
  const { code: _code, reason: _reason, pass: _pass, gone: _gone, ...detail } = copy.checkpoint.detail;
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
