import type { TargetObject, TargetRef } from "../../calico/target.ts";
import type { StageContext } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import type { ClusterConnections } from "../connections.ts";

/** What copying needs of a stage's context, whatever the migration. */
export type CopyContext = Pick<
  StageContext<ClusterConnections, unknown>,
  "run" | "connections" | "signal" | "ensureHeld" | "ledger" | "clock" | "resolution"
>;

/** A resource to copy: its checkpoint, what was read of the source, and what it becomes. */
export interface CopyTask {
  checkpoint: Checkpoint;
  source: { revision: number; hash: string };
  /** The kind as KINDS names it. */
  kind: string;
  /** Where it is written and read. */
  target: TargetRef;
  /** Ready to be created. */
  object: TargetObject;
  /** The object as the API server will give it back: with its defaults. */
  expected: () => Promise<JsonObject>;
  /** SHA-256 of what an object means: that of what is read back equals that of what is expected. */
  meaning: (object: JsonObject) => string;
  /** Writes what belongs to the object and cannot be written with it. Repeatable. */
  complete?: (written: JsonObject) => Promise<void>;
}

/** The checkpoint of a resource that the target now holds. A decision for the source stays known; any other is over. */
export function appliedCheckpoint(
  { checkpoint, source }: Pick<CopyTask, "checkpoint" | "source">,
  targetUid: string,
  created: boolean,
): Checkpoint {
  const detail = withoutTrouble(checkpoint.detail);
  const isSame = checkpoint.targetUid === targetUid;
  const kept = created || (isSame && checkpoint.detail["created"] === true);
  return {
    ...checkpoint,
    state: "applied",
    sourceRevision: source.revision,
    sourceHash: source.hash,
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
