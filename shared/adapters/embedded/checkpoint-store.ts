import type { CheckpointQuery, CheckpointStore, Clock, Page, PlanStep } from "../../engine/ports.ts";
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
} from "../../engine/records.ts";
import { Batches } from "./batches.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Database } from "./database.ts";
import { Leases } from "./leases.ts";
import { Runs } from "./runs.ts";
import { Stages } from "./stages.ts";

/**
 * The checkpoint store in one durable file; each method is one transaction. A lease need not outlive its machine: nobody of that
 * machine goes on with it, and what is written under its protection is on the disk only together with it.
 */
export class EmbeddedCheckpointStore implements CheckpointStore {
  readonly #database: Database;
  readonly #leases: Leases;
  readonly #runs: Runs;
  readonly #stages: Stages;
  readonly #batches: Batches;
  readonly #checkpoints: Checkpoints;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#leases = new Leases(database, clock);
    this.#runs = new Runs(database);
    this.#stages = new Stages(database);
    this.#batches = new Batches(database);
    this.#checkpoints = new Checkpoints(database);
  }

  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#database.writeUnsynced(() => this.#leases.acquire(name, holder, ttlMs));
  }

  renewLease(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    return this.#database.writeUnsynced(() => this.#leases.renew(lease, ttlMs));
  }

  releaseLease(lease: Lease): Promise<void> {
    return this.#database.writeUnsynced(() => {
      this.#leases.release(lease);
    });
  }

  findHolder(name: string): Promise<LeaseHolder | undefined> {
    return this.#database.read(() => this.#leases.holder(name));
  }

  createRun(run: RunRecord, control: RunControl): Promise<void> {
    return this.#database.write(() => {
      this.#runs.create(run, control);
    });
  }

  getRun(runId: string): Promise<RunRecord | undefined> {
    return this.#database.read(() => this.#runs.get(runId));
  }

  listRuns(query: { cluster?: string; cursor?: string; limit: number }): Promise<Page<RunRecord>> {
    return this.#database.read(() => this.#runs.list(query));
  }

  saveRun(run: RunRecord, lease: Lease, events: readonly DomainEvent[]): Promise<RunRecord> {
    return this.#fenced(lease, () => this.#runs.save(run, events));
  }

  getControl(runId: string): Promise<RunControl | undefined> {
    return this.#database.read(() => this.#runs.getControl(runId));
  }

  updateControl(runId: string, change: (control: RunControl) => RunControl): Promise<RunControl> {
    return this.#database.write(() => this.#runs.updateControl(runId, change));
  }

  dueRuns(now: number, limit: number): Promise<string[]> {
    return this.#database.read(() => this.#runs.due(now, limit));
  }

  listEvents(query: { runId: string; after: number; limit: number }): Promise<DomainEvent[]> {
    return this.#database.read(() => this.#runs.listEvents(query));
  }

  getStage(ref: StageRef): Promise<StageRecord | undefined> {
    return this.#database.read(() => this.#stages.get(ref));
  }

  listStages(runId: string): Promise<StageRecord[]> {
    return this.#database.read(() => this.#stages.list(runId));
  }

  saveStage(stage: StageRecord, lease: Lease): Promise<void> {
    return this.#fenced(lease, () => {
      this.#stages.save(stage);
    });
  }

  openBatches(
    ref: StageRef,
    step: PlanStep,
    lease: Lease,
  ): Promise<{ stage: StageRecord; opened: BatchRef[] }> {
    return this.#fenced(lease, () => {
      const row = this.#stages.find(ref);
      if (row === undefined) throw new Error(`stage "${ref.stage}" of run "${ref.runId}" was never saved`);
      const numbers = this.#batches.open(row, step.batches);
      const stage = this.#stages.addOpened(row, step);
      const { runId, track } = ref;
      return { stage, opened: numbers.map((batch) => ({ runId, track, stage: ref.stage, batch })) };
    });
  }

  getBatch(ref: BatchRef): Promise<BatchRecord | undefined> {
    return this.#database.read(() => {
      const stage = this.#stages.find(ref);
      return stage && this.#batches.get(stage, ref);
    });
  }

  listOpenBatches(ref: StageRef, query: { after?: number; limit: number }): Promise<BatchRecord[]> {
    return this.#database.read(() => {
      const stage = this.#stages.find(ref);
      return stage === undefined ? [] : this.#batches.listOpen(stage, ref, query);
    });
  }

  saveBatch(batch: BatchRecord, lease: Lease): Promise<void> {
    return this.#fenced(lease, () => {
      const stage = this.#stages.find(batch);
      if (stage !== undefined) this.#batches.save(stage, batch);
    });
  }

  closeBatch(
    ref: BatchRef,
    as: "done" | "cancelled",
    counts: Readonly<Record<string, number>>,
    lease: Lease,
  ): Promise<StageRecord | undefined> {
    return this.#fenced(lease, () => {
      const stage = this.#stages.find(ref);
      if (stage === undefined || !this.#batches.close(stage, ref, as)) return undefined;
      return this.#stages.addClosed(stage, counts);
    });
  }

  putCheckpoints(
    runId: string,
    ledger: string,
    checkpoints: readonly Checkpoint[],
    lease: Lease,
  ): Promise<TargetCollision[]> {
    return this.#fenced(lease, () => this.#checkpoints.put(runId, ledger, checkpoints));
  }

  getCheckpoints(runId: string, ledger: string, ids: readonly CheckpointId[]): Promise<Checkpoint[]> {
    return this.#database.read(() => this.#checkpoints.get(runId, ledger, ids));
  }

  findByTarget(runId: string, ledger: string, targets: readonly string[]): Promise<Checkpoint[]> {
    return this.#database.read(() => this.#checkpoints.findByTarget(runId, ledger, targets));
  }

  listCheckpoints(runId: string, ledger: string, query: CheckpointQuery): Promise<Checkpoint[]> {
    return this.#database.read(() => this.#checkpoints.list(runId, ledger, query));
  }

  countCheckpoints(runId: string, ledger: string): Promise<Partial<Record<CheckpointState, number>>> {
    return this.#database.read(() => this.#checkpoints.count(runId, ledger));
  }

  /** The lease is checked in the transaction that writes, so nobody can take it over in between. */
  #fenced<T>(lease: Lease, work: () => T): Promise<T> {
    return this.#database.write(() => {
      this.#leases.check(lease);
      return work();
    });
  }
}
