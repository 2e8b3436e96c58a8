import type { Json } from "../../json.ts";
import type { Checkpoint } from "../../engine/records.ts";

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
  /** Why it failed or conflicts. */
  code?: string;
  reason?: string;
}

/** Reads the detail of a checkpoint of the ledger `resources`. */
export function detailOf(checkpoint: Checkpoint): ResourceDetail {
  return checkpoint.detail as unknown as ResourceDetail;
}

/** The checkpoint with some members of its detail replaced. */
export function withDetail(checkpoint: Checkpoint, detail: Partial<ResourceDetail>): Checkpoint {
  return { ...checkpoint, detail: { ...checkpoint.detail, ...detail } };
}
