import type { Json, JsonObject } from "../json.ts";
import type {
  BatchRecord,
  BatchRef,
  Checkpoint,
  CheckpointId,
  CheckpointState,
  DomainEvent,
  Lease,
  LeaseHolder,
  NewBatch,
  RunControl,
  RunRecord,
  StageRecord,
  StageRef,
  TargetCollision,
} from "./records.ts";

/** A page of records; `cursor` is absent on the last page. */
export interface Page<T> {
  items: T[];
  cursor?: string;
}

/** Which checkpoints of a ledger to list: rank by rank, then by key in code-unit order. */
export interface CheckpointQuery {
  /** Only this rank. */
  rank?: number;
  /** Only keys greater than this one; with `rank`, where the next page starts. */
  after?: CheckpointId;
  /** Only keys up to and including this one; needs `rank`. */
  upTo?: string;
  states?: readonly CheckpointState[];
  limit: number;
}

/** How planning went on: what is saved together with newly opened batches. */
export interface PlanStep {
  batches: readonly NewBatch[];
  cursor?: Json;
  planned: boolean;
}

/**
 * Where runs, stages, batches and checkpoints live. Every method is atomic and durable when its promise resolves.
 *
 * A method that takes a lease refuses (throws {@link LeaseLostError}) when that lease has expired or was taken over:
 * the condition is checked inside the same transaction as the write. Reads are consistent with preceding writes.
 */
export interface CheckpointStore {
  /** Takes a lease that nobody holds (or whose holder let it expire), with a higher token than ever before. */
  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | undefined>;
  /** Prolongs a lease that is still held; undefined when it was lost. */
  renewLease(lease: Lease, ttlMs: number): Promise<Lease | undefined>;
  /** Gives a lease back; does nothing when it was lost. */
  releaseLease(lease: Lease): Promise<void>;
  /** Who holds a lease now; undefined when nobody does, its holder is known to be dead, or it has expired. */
  findHolder(name: string): Promise<LeaseHolder | undefined>;

  /** Adds a run. Throws RunExistsError when the id is taken. */
  createRun(run: RunRecord, control: RunControl): Promise<void>;
  getRun(runId: string): Promise<RunRecord | undefined>;
  /** Newest first. Throws CURSOR_INVALID for a cursor that no page gave. */
  listRuns(query: { cluster?: string; cursor?: string; limit: number }): Promise<Page<RunRecord>>;
  /**
   * Saves a run and appends events, in one transaction. `run.version` is the version read; the stored one is one higher.
   * Throws RunChangedError when it was saved since it was read, and ClusterBusyError when `run.holdsCluster` and another
   * run holds the same cluster.
   */
  saveRun(run: RunRecord, lease: Lease, events: readonly DomainEvent[]): Promise<RunRecord>;
  getControl(runId: string): Promise<RunControl | undefined>;
  /** Applies a change to the control record, atomically; `change` may be called more than once. */
  updateControl(runId: string, change: (control: RunControl) => RunControl): Promise<RunControl>;
  /** Runs whose `nextWakeAt` is not later than `now`. */
  dueRuns(now: number, limit: number): Promise<string[]>;
  listEvents(query: { runId: string; after: number; limit: number }): Promise<DomainEvent[]>;

  getStage(ref: StageRef): Promise<StageRecord | undefined>;
  /** In the order of their start. */
  listStages(runId: string): Promise<StageRecord[]>;
  /** Creates the stage record, or saves `state`, `cursor`, `planned`, `notes` and the times; never the counters. */
  saveStage(stage: StageRecord, lease: Lease): Promise<void>;
  /** Opens batches and saves the planning cursor in one transaction; returns the stage and the new batches' references. */
  openBatches(
    ref: StageRef,
    step: PlanStep,
    lease: Lease,
  ): Promise<{ stage: StageRecord; opened: BatchRef[] }>;
  getBatch(ref: BatchRef): Promise<BatchRecord | undefined>;
  /** Open batches of a stage, by number. */
  listOpenBatches(ref: StageRef, query: { after?: number; limit: number }): Promise<BatchRecord[]>;
  /** Saves progress, attempts and failure of an open batch. */
  saveBatch(batch: BatchRecord, lease: Lease): Promise<void>;
  /** Closes an open batch and adds its counts to the stage, once; returns the stage, or undefined when it was closed before. */
  closeBatch(
    ref: BatchRef,
    as: "done" | "cancelled",
    counts: Readonly<Record<string, number>>,
    lease: Lease,
  ): Promise<StageRecord | undefined>;

  /** Adds or replaces checkpoints by (ledger, rank, key). Where another key has the target already, nothing of that checkpoint is written and the collision is returned. */
  putCheckpoints(
    runId: string,
    ledger: string,
    checkpoints: readonly Checkpoint[],
    lease: Lease,
  ): Promise<TargetCollision[]>;
  getCheckpoints(runId: string, ledger: string, ids: readonly CheckpointId[]): Promise<Checkpoint[]>;
  /** The checkpoints that have these targets, in no particular order. */
  findByTarget(runId: string, ledger: string, targets: readonly string[]): Promise<Checkpoint[]>;
  listCheckpoints(runId: string, ledger: string, query: CheckpointQuery): Promise<Checkpoint[]>;
  /** How many checkpoints a ledger holds, by state. */
  countCheckpoints(runId: string, ledger: string): Promise<Partial<Record<CheckpointState, number>>>;
}

/**
 * What a message says. Messages are hints: handling one twice, late or never changes no result. `track` tells which runs
 * are being undone, so that their messages need not queue behind forward work.
 */
export type WorkMessage =
  { type: "run.advance"; runId: string; track?: "rollback" } | ({ type: "batch.work" } & BatchRef);

/** A message under way; unless acknowledged in time, it is delivered again. */
export interface Delivery {
  id: string;
  message: WorkMessage;
}

/** Sends work messages, which then arrive at least once, in no promised order. */
export interface WorkSender {
  send(messages: readonly { message: WorkMessage; delayMs?: number }[]): Promise<void>;
}

/** At-least-once delivery of work messages, in no promised order. */
export interface WorkQueue extends WorkSender {
  /** Up to `max` messages, hidden from others for `visibilityMs`. Waits up to `waitMs` for the first one. */
  receive(query: {
    max: number;
    visibilityMs: number;
    waitMs: number;
    signal?: AbortSignal;
    only?: WorkMessage["type"];
    runId?: string;
  }): Promise<Delivery[]>;
  acknowledge(delivery: Delivery): Promise<void>;
  /** Hides a message for `visibilityMs` from now. */
  extend(delivery: Delivery, visibilityMs: number): Promise<void>;
}

/** What is known of a stored artifact. */
export interface Artifact {
  name: string;
  bytes: number;
  /** SHA-256 of the content, hexadecimal. */
  sha256: string;
}

/** Backups, plans and reports, by name. An artifact is there whole or not at all; writing a name again replaces it. */
export interface ArtifactStore {
  write(name: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Artifact>;
  /** Streams the content; throws ArtifactNotFoundError, or ArtifactCorruptError when the hash does not match at the end. */
  read(name: string): AsyncIterable<Uint8Array>;
  find(name: string): Promise<Artifact | undefined>;
  /** By name, in code-unit order. */
  list(prefix: string): Promise<Artifact[]>;
}

/** Where domain events go. May be given an event more than once; (runId, sequence) tells it. */
export interface EventSink {
  emit(events: readonly DomainEvent[]): Promise<void>;
}

/** Time, so that tests can hold it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Opens what a migration needs of a cluster. Connections are shared and live as long as their owner. */
export interface Connections<C> {
  open(cluster: string, options: JsonObject): Promise<C>;
}
