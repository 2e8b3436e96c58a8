import type { Json, JsonObject } from "../json.ts";

/** Where a run stands. `Failed` can be resumed or rolled back; the last four are ends. */
export type RunState =
  | "Pending"
  | "Running"
  | "Waiting"
  | "RollingBack"
  | "Failed"
  | "Succeeded"
  | "RolledBack"
  | "Aborted"
  | "Abandoned";

/** Why a run waits. */
export type WaitingReason = "Gate" | "Window" | "Approval" | "Conflict" | "Paused" | "Backoff";

/** The direction in which a run goes through its stages. */
export type Track = "forward" | "rollback";

/** What holds a run back, for people and for the wake-up. */
export interface Waiting {
  reason: WaitingReason;
  message: string;
  /** For `Approval`: what has to be approved. */
  subject?: string;
  /** For `Approval`: identifies what was shown, which is all that an approval holds for. Runs of old have none. */
  fingerprint?: string;
  /** For `Approval`: how many things it is about, where they are counted. */
  count?: number;
  /** When it is looked at again by itself; without it only a person ends the waiting. Milliseconds since the epoch. */
  retryAt?: number;
}

/** Why a run stopped. Never holds a secret. */
export interface Failure {
  code: string;
  message: string;
  next: string;
}

/** Why a batch is not done yet: it failed, or could not even begin. */
export interface BatchFailure extends Failure {
  /** Since when it is held up, where nothing failed. Milliseconds since the epoch. */
  heldSince?: number;
}

/** A condition after the Kubernetes API conventions. Times are ISO 8601. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  lastTransitionTime: string;
}

/** How far a lock is. In `locking` and `unlocking` the datastore may be either: nobody has seen how the write ended. */
export type LockState = "locking" | "locked" | "unlocking" | "unlocked";

/**
 * The datastore that pods need, as far as a run has locked it: told before the lock is written, and `unlocked` only once that
 * is written. Times are milliseconds since the epoch.
 */
export interface DatastoreLock {
  /** What is locked, in words for people: `etcd`, `the Kubernetes datastore`. */
  datastore: string;
  state: LockState;
  /** When the first lock of this time was about to be written. */
  since: number;
  /** When it was unlocked. */
  until?: number;
  /** True once the world was told that it is locked. */
  told: boolean;
  /** How long the run has waited for a person meanwhile, without the present wait. */
  forPersonMs: number;
  /** Since when it waits for a person. */
  forPersonSince?: number;
  /** When the run looks again at how long the lock may last. */
  lookAt: number;
}

/** Why a run is undone that nobody asked to undo. */
export interface UndoCause {
  reason: "LockFailure" | "LockBudget";
  failure: Failure;
}

/** Something of a run that stays: a step of the way back that was not taken, or what somebody finds. `title` says what stays as it is. */
export interface LeftBehind {
  stage: string;
  title: string;
}

/** One migration on one cluster. Times are milliseconds since the epoch. */
export interface RunRecord {
  runId: string;
  migration: string;
  cluster: string;
  /** Options as parsed by the migration; never a secret. */
  options: JsonObject;
  /** The hash of the plan that it was started from, if from one. */
  plan?: string;
  state: RunState;
  track: Track;
  /** The stages that it was to go through when it was started; runs of old do not know. */
  stages?: string[];
  /** Of an abandoned run: what nobody has undone. */
  leftBehind?: LeftBehind[];
  /** The stage that the run is in; absent before the first and after the last. */
  stage?: string;
  /** Failed tries of the present stage in a row. */
  attempt: number;
  waiting?: Waiting;
  failure?: Failure;
  conditions: Condition[];
  /** The last lock of the datastore that pods need; none before the first. */
  lock?: DatastoreLock;
  /** True from the first change to a cluster until nothing of the run is left to do; one such run a cluster. */
  holdsCluster: boolean;
  /** How often `resume` has been honoured; compared with {@link RunControl.retries}. */
  retriesSeen: number;
  /** When the run must be looked at again, if nothing else happens before. */
  nextWakeAt?: number;
  createdAt: number;
  updatedAt: number;
  /** When a person resumed it last: deadlines of gates count from then. */
  resumedAt?: number;
  /** Since when the present stage waits without getting on, though for no person; absent while it gets on. */
  heldSince?: number;
  finishedAt?: number;
  /** Grows by one with every save. */
  version: number;
  /** Number of the last event of this run, and of the last one known to have reached the event sink. */
  eventSequence: number;
  eventsDelivered: number;
}

/** One decision of a person. */
export interface Approval {
  subject: string;
  /** What it holds for: a run that shows anything else asks again. Without it, as in runs of old, it holds for nothing. */
  fingerprint?: string | undefined;
  by: string;
  at: number;
}

/** Which side of a conflict counts: what the source has, what the target has, or neither, and the resource is left out. */
export type ResolutionUse = "source" | "target" | "skip";

/**
 * What a person wants done about one conflict as it was seen (`seen` as recorded with it), or about all of a kind that
 * were recorded up to a time (`seenUpTo`: the latest `since` of those that were seen). Nothing else is covered, so that no
 * later edit is overwritten by an older decision.
 */
export type ResolutionRequest = { use: ResolutionUse } & (
  { key: string; seen: string } | { kind: string; seenUpTo: number }
);

/** A decision about conflicts. */
export type Resolution = ResolutionRequest & {
  by: string;
  at: number;
  /** {@link RunControl.retries} from which on the run goes by it. */
  retries: number;
};

/** An object that a person leaves out of a run that has begun, as its migration names objects. */
export interface LeftOutObject {
  object: string;
  by: string;
  at: number;
}

/** What people ask of a run. Kept apart from {@link RunRecord}, so that asking never races with the worker's saves. */
export interface RunControl {
  pause: boolean;
  /** The stage before which the run waits for approval; the subject is the stage's name. */
  stopBefore?: string;
  /** Undo the run: `abort` ends in Aborted, `rollback` in RolledBack. */
  undo?: "abort" | "rollback";
  /** Why, where the run asked for it by itself. */
  undoCause?: UndoCause;
  /** Give the run up as it stands: nothing is undone. */
  abandon?: { by: string; at: number };
  approvals: Approval[];
  /** Decisions that the run may not have gone by yet; none without it. What it went by stands in its checkpoints. */
  resolutions?: Resolution[];
  /** What people have left out since the run began; none without it. */
  leftOut?: LeftOutObject[];
  /** True once nothing more can be left out: what was is approved, and the run goes by it. */
  leftOutClosed?: boolean;
  /** Grows by one with every `resume`, and with every other request to look again. */
  retries: number;
  /** What tells the latest commands that were taken, where they come as messages, which may come twice. */
  commands?: string[];
}

/** Identifies a stage of a run. */
export interface StageRef {
  runId: string;
  track: Track;
  stage: string;
}

/** The durable state of one stage. */
export interface StageRecord extends StageRef {
  state: "running" | "done";
  /** Where planning of a sweep goes on. */
  cursor?: Json;
  /** No batch will be added any more. */
  planned: boolean;
  /** Batches ever opened, and those still open; changed by the store alone. */
  batches: number;
  openBatches: number;
  /** Resources in all batches ever opened; changed by the store alone. */
  total: number;
  /** Sums of what completed batches reported; changed by the store alone. */
  counts: Record<string, number>;
  /** Intents and results of the stage: small, never a secret. */
  notes: JsonObject;
  startedAt: number;
  finishedAt?: number;
}

/** A batch to be opened. */
export interface NewBatch {
  /** What the batch covers; the stage's own business. */
  scope: JsonObject;
  /** How many resources it holds. */
  size: number;
}

/** Identifies a batch: number `batch` (from 0) of a stage. */
export interface BatchRef extends StageRef {
  batch: number;
}

/** The durable state of one batch. */
export interface BatchRecord extends BatchRef, NewBatch {
  state: "open" | "done" | "cancelled";
  /** Where work inside the batch goes on. */
  progress?: Json;
  /** Failed tries in a row. */
  attempts: number;
  /** The last failure; together with `stuck`, why the run has to stop. */
  failure?: BatchFailure;
  stuck: boolean;
}

/** What is known of a resource. */
export type CheckpointState = "pending" | "applied" | "verified" | "conflict" | "failed" | "reverted";

/** Identifies a checkpoint within a ledger. `rank` is a function of `key`: resources are visited rank by rank, then by key. */
export interface CheckpointId {
  rank: number;
  key: string;
}

/** The durable record of one resource. */
export interface Checkpoint extends CheckpointId {
  state: CheckpointState;
  /** What the resource becomes; unique in its ledger. */
  target: string;
  /** Revision of the source value that was read last. */
  sourceRevision: number;
  /** Hash of the source value that was read last. */
  sourceHash?: string;
  /** UID of the object that was written. */
  targetUid?: string;
  /** Small facts: kind, namespace, whether we created it, what was there before, why it failed. Never a secret. */
  detail: JsonObject;
}

/** Two resources that would become the same target. */
export interface TargetCollision {
  target: string;
  key: string;
  existingKey: string;
}

/** A lease: the right to work on something, with a fencing token that only grows. */
export interface Lease {
  name: string;
  holder: string;
  token: number;
  expiresAt: number;
}

/** Who holds a lease, for people. `since` is when it was taken; versions before did not record that. */
export interface LeaseHolder {
  holder: string;
  since?: number;
}

/** A state change, in the past tense. `sequence` counts from 1 within the run. */
export interface DomainEvent {
  runId: string;
  sequence: number;
  type: string;
  time: number;
  data: JsonObject;
}

/** The states in which a run needs no further work. */
export function isEnd(state: RunState): boolean {
  return isUndone(state) || state === "Succeeded" || state === "Abandoned";
}

/** The states of a run that was taken back. */
export function isUndone(state: RunState): boolean {
  return state === "RolledBack" || state === "Aborted";
}
