import type { Json, JsonObject } from "../../json.ts";
import type { ConflictDetail } from "../../engine/conflicts.ts";
import type { Checkpoint, ResolutionUse } from "../../engine/records.ts";

/** What `detail` of a checkpoint in the ledger `resources` holds. */
export interface ResourceDetail {
  kind: string;
  namespace?: string;
  /** Size of the source value when it was first read: batches are bounded by it. */
  bytes?: number;
  /** True when this run created the target, so that it is this run's to delete. */
  created?: boolean;
  /** What was there before this run changed it: a whole object, or the annotations of a Node. */
  before?: Json;
  /** The source is gone, and so is the target. */
  gone?: boolean;
  /** The pass of the late rollback that has dealt with it. */
  pass?: string;
  /** Hash of the value that the late rollback is about to write to the source. */
  writing?: string;
  /** Of what is not carried back: the key that the source keeps as it is. */
  source?: string;
  /** Why it failed or conflicts. */
  code?: string;
  reason?: string;
  /** Of a difference: what a person does to the target's object to put it right, as kubectl calls it. */
  mending?: "delete" | "edit";
  /** In state `conflict`: what people decide on. */
  conflict?: ConflictDetail;
  /** What a person decided about a conflict, and who. */
  resolved?: ResolutionUse;
  resolvedBy?: string;
  /** With `source` and `target`: the meaning of what the target holds by that decision, as a hash. */
  held?: string;
}

/** The code of what a run's options leave out, other than a decision about a conflict. */
export const LEFT_OUT = "LEFT_OUT";

/** Reads the detail of a checkpoint of the ledger `resources`. */
export function detailOf(checkpoint: Checkpoint): ResourceDetail {
  return checkpoint.detail as unknown as ResourceDetail;
}

/** True for a resource that a person has decided to leave out of the migration. */
export function isLeftOut(checkpoint: Checkpoint): boolean {
  return checkpoint.state === "reverted" && detailOf(checkpoint).resolved === "skip";
}

/**
 * The checkpoint of a resource that is gone from the source, once its object is out of the target: what was known of the
 * object, and what a person decided about it, was about what is no more. What was there before this run stays known, as
 * it is there again.
 */
export function goneCheckpoint({ targetUid: _uid, ...checkpoint }: Checkpoint): Checkpoint {
  return { ...checkpoint, state: "reverted", detail: { ...lastingDetail(checkpoint), gone: true } };
}

/** What the detail says of a resource whatever becomes of it. */
export function lastingDetail(checkpoint: Checkpoint): JsonObject {
  const { kind, namespace, before } = checkpoint.detail;
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(before === undefined ? {} : { before }),
  };
}

/** The checkpoint with some members of its detail replaced. */
export function withDetail(checkpoint: Checkpoint, detail: Partial<ResourceDetail>): Checkpoint {
  return { ...checkpoint, detail: { ...checkpoint.detail, ...detail } };
}
