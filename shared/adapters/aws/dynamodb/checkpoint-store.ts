import type { CheckpointQuery, CheckpointStore, Clock, Page, PlanStep } from "../../../engine/ports.ts";
import type {
  BatchRecord,
  BatchRef,
  Checkpoint,
  CheckpointId,
  CheckpointState,
  DomainEvent,
  Lease,
  LeaseHolder,
  RunControl,
  RunRecord,
  StageRecord,
  StageRef,
  TargetCollision,
} from "../../../engine/records.ts";
import { BatchOpening } from "./batch-opening.ts";
import { Batches } from "./batches.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Leases } from "./leases.ts";
import { Removal } from "./removal.ts";
import { RunList } from "./run-list.ts";
import { Runs } from "./runs.ts";
import { Stages } from "./stages.ts";
import type { Table } from "./table.ts";

/**
 * The checkpoint store in one DynamoDB table. A write under a lease is a transaction on condition of the lease; reads
 * are consistent, but for {@link CheckpointStore.dueRuns}, which may miss what was saved a moment ago.
 *
 * What has to be tried again for too long throws STORE_BUSY or STORE_UNREACHABLE, which are retryable; a record that
 * is too large for an item throws RECORD_TOO_LARGE before anything of it is written.
 */
export class DynamoDbCheckpointStore implements CheckpointStore {
  readonly #leases: Leases;
  readonly #runs: Runs;
  readonly #runList: RunList;
  readonly #stages: Stages;
  readonly #batches: Batches;
  readonly #opening: BatchOpening;
  readonly #checkpoints: Checkpoints;
  readonly #removal: Removal;

  constructor(table: Table, options: { clock: Pick<Clock, "now">; historyDays: number }) {
    this.#leases = new Leases(table, options.clock);
    this.#runs = new Runs(table, this.#leases);
    this.#runList = new RunList(table);
    this.#stages = new Stages(table, this.#leases);
    this.#batches = new Batches(table, this.#leases, this.#stages);
    this.#opening = new BatchOpening(table, this.#leases, this.#stages);
    this.#checkpoints = new Checkpoints(table, this.#leases);
    this.#removal = new Removal(table, this.#runList, options);
  }

  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#leases.acquire(name, holder, ttlMs);
  }

  renewLease(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    return this.#leases.renew(lease, ttlMs);
  }

  releaseLease(lease: Lease): Promise<void> {
    return this.#leases.release(lease);
  }

  findHolder(name: string): Promise<LeaseHolder | undefined> {
    return this.#leases.holder(name);
  }

  createRun(run: RunRecord, control: RunControl): Promise<void> {
    return this.#runs.create(run, control);
  }

  getRun(runId: string): Promise<RunRecord | undefined> {
    return this.#runs.get(runId);
  }

  listRuns(query: { cluster?: string; cursor?: string; limit: number }): Promise<Page<RunRecord>> {
    return this.#runList.list(query);
  }

  saveRun(run: RunRecord, lease: Lease, events: readonly DomainEvent[]): Promise<RunRecord> {
    return this.#runs.save(run, lease, events);
  }

  getControl(runId: string): Promise<RunControl | undefined> {
    return this.#runs.getControl(runId);
  }

  updateControl(runId: string, change: (control: RunControl) => RunControl): Promise<RunControl> {
    return this.#runs.updateControl(runId, change);
  }

  dueRuns(now: number, limit: number): Promise<string[]> {
    return this.#runs.due(now, limit);
  }

  /**
   * Since when the lock of a datastore is held that is the oldest of all runs'; undefined when none is. Milliseconds since the epoch.
   * Throws the signal's reason where it aborts before all are looked at.
   */
  oldestLock(signal: AbortSignal): Promise<number | undefined> {
    return this.#runs.oldestLock(signal);
  }

  listEvents(query: { runId: string; after: number; limit: number }): Promise<DomainEvent[]> {
    return this.#runs.listEvents(query);
  }

  getStage(ref: StageRef): Promise<StageRecord | undefined> {
    return this.#stages.get(ref);
  }

  listStages(runId: string): Promise<StageRecord[]> {
    return this.#stages.list(runId);
  }

  saveStage(stage: StageRecord, lease: Lease): Promise<void> {
    return this.#stages.save(stage, lease);
  }

  openBatches(
    ref: StageRef,
    step: PlanStep,
    lease: Lease,
  ): Promise<{ stage: StageRecord; opened: BatchRef[] }> {
    return this.#opening.open(ref, step, lease);
  }

  getBatch(ref: BatchRef): Promise<BatchRecord | undefined> {
    return this.#batches.get(ref);
  }

  listOpenBatches(ref: StageRef, query: { after?: number; limit: number }): Promise<BatchRecord[]> {
    return this.#batches.listOpen(ref, query);
  }

  saveBatch(batch: BatchRecord, lease: Lease): Promise<void> {
    return this.#batches.save(batch, lease);
  }

  closeBatch(
    ref: BatchRef,
    as: "done" | "cancelled",
    counts: Readonly<Record<string, number>>,
    lease: Lease,
  ): Promise<StageRecord | undefined> {
    return this.#batches.close(ref, as, counts, lease);
  }

  putCheckpoints(
    runId: string,
    ledger: string,
    checkpoints: readonly Checkpoint[],
    lease: Lease,
  ): Promise<TargetCollision[]> {
    return this.#checkpoints.put(runId, ledger, checkpoints, lease);
  }

  getCheckpoints(runId: string, ledger: string, ids: readonly CheckpointId[]): Promise<Checkpoint[]> {
    return this.#checkpoints.get(runId, ledger, ids);
  }

  findByTarget(runId: string, ledger: string, targets: readonly string[]): Promise<Checkpoint[]> {
    return this.#checkpoints.findByTarget(runId, ledger, targets);
  }

  listCheckpoints(runId: string, ledger: string, query: CheckpointQuery): Promise<Checkpoint[]> {
    return this.#checkpoints.list(runId, ledger, query);
  }

  countCheckpoints(runId: string, ledger: string): Promise<Partial<Record<CheckpointState, number>>> {
    return this.#checkpoints.count(runId, ledger);
  }

  /**
   * Removes up to `limit` runs that ended more than `historyDays` ago, with everything that is recorded of them, and
   * returns their ids. A run vanishes at once; what is left of it when the signal aborts is removed by the next call.
   */
  removeEndedRuns(limit: number, signal: AbortSignal): Promise<string[]> {
    return this.#removal.removeEnded(limit, signal);
  }
}
