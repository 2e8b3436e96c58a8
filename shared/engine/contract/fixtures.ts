import type { CheckpointStore } from "../ports.ts";
import type {
  BatchRef,
  Checkpoint,
  DomainEvent,
  Lease,
  RunControl,
  RunRecord,
  StageRecord,
  StageRef,
} from "../records.ts";
import type { ManualClock } from "../testing/manual-clock.ts";

/** A store to be tested, empty, with the clock that it goes by. */
interface StoreFixture {
  store: CheckpointStore;
  clock: ManualClock;
  cleanup(): Promise<void>;
}

/** Opens a new and empty store for one test. */
export type OpenStore = () => Promise<StoreFixture>;

/** How long the leases of these tests last. */
export const ttlMs = 30_000;

/** A test's body with a store of its own, which is cleaned up whatever happens. */
export function withStore(
  open: OpenStore,
  body: (fixture: StoreFixture) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const fixture = await open();
    try {
      await body(fixture);
    } finally {
      await fixture.cleanup();
    }
  };
}

/** Takes a lease that must be free. */
export async function take(store: CheckpointStore, name = "run/r1", holder = "worker"): Promise<Lease> {
  const lease = await store.acquireLease(name, holder, ttlMs);
  if (lease === undefined) throw new Error(`the lease "${name}" is not free`);
  return lease;
}

export function aRun(over: Partial<RunRecord> = {}): RunRecord {
  return {
    runId: "r1",
    migration: "etcd-to-kubernetes",
    cluster: "east",
    options: { concurrency: 8, nested: { list: [1, null, "ü"] } },
    state: "Pending",
    track: "forward",
    attempt: 0,
    conditions: [],
    holdsCluster: false,
    retriesSeen: 0,
    createdAt: 1_000,
    updatedAt: 1_000,
    version: 0,
    eventSequence: 0,
    eventsDelivered: 0,
    ...over,
  };
}

export function aControl(over: Partial<RunControl> = {}): RunControl {
  return { pause: false, approvals: [], retries: 0, ...over };
}

export function anEvent(sequence: number, over: Partial<DomainEvent> = {}): DomainEvent {
  return { runId: "r1", sequence, type: "run.started", time: 1_000 + sequence, data: { sequence }, ...over };
}

export const stageRef: StageRef = { runId: "r1", track: "forward", stage: "precopy" };

export function aStage(over: Partial<StageRecord> = {}): StageRecord {
  return {
    ...stageRef,
    state: "running",
    planned: false,
    batches: 0,
    openBatches: 0,
    total: 0,
    counts: {},
    notes: {},
    startedAt: 2_000,
    ...over,
  };
}

export function aCheckpoint(key: string, over: Partial<Checkpoint> = {}): Checkpoint {
  return {
    rank: 1,
    key,
    state: "pending",
    target: `target of ${key}`,
    sourceRevision: 7,
    detail: {},
    ...over,
  };
}

/** A run with one stage and `sizes.length` open batches, under a lease that is held. */
export async function startStage(
  store: CheckpointStore,
  sizes: readonly number[],
): Promise<{ lease: Lease; opened: BatchRef[] }> {
  await store.createRun(aRun(), aControl());
  const lease = await take(store);
  await store.saveStage(aStage(), lease);
  const batches = sizes.map((size, index) => ({ scope: { index }, size }));
  const { opened } = await store.openBatches(stageRef, { batches, planned: false }, lease);
  return { lease, opened };
}
