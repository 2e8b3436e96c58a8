import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckpointStore } from "../ports.ts";
import type { BatchRef, Lease, RunRecord } from "../records.ts";
import type { ManualClock } from "../testing/manual-clock.ts";
import {
  aCheckpoint,
  anEvent,
  aStage,
  type OpenStore,
  stageRef,
  startStage,
  take,
  ttlMs,
  withStore,
} from "./fixtures.ts";

type Write = (store: CheckpointStore, lease: Lease, batch: BatchRef) => Promise<unknown>;

/** Every method that takes a lease, called in a way that succeeds when the lease is held. */
const writes: Readonly<Record<string, Write>> = {
  saveRun: async (store, lease) => store.saveRun(await theRun(store), lease, [anEvent(1)]),
  saveStage: (store, lease) => store.saveStage(aStage({ notes: { changed: true } }), lease),
  "saveStage of a new stage": (store, lease) => store.saveStage(aStage({ stage: "lock" }), lease),
  openBatches: (store, lease) =>
    store.openBatches(stageRef, { batches: [{ scope: {}, size: 9 }], cursor: "next", planned: true }, lease),
  saveBatch: async (store, lease, ref) => {
    const batch = await store.getBatch(ref);
    assert.ok(batch);
    await store.saveBatch({ ...batch, attempts: 5 }, lease);
  },
  closeBatch: (store, lease, ref) => store.closeBatch(ref, "done", { applied: 3 }, lease),
  putCheckpoints: (store, lease) => store.putCheckpoints("r1", "resources", [aCheckpoint("b")], lease),
};

type Lose = (store: CheckpointStore, clock: ManualClock, lease: Lease) => Promise<Lease>;

/** Every way to be without the lease; gives the lease that a worker would still use. */
const losses: Readonly<Record<string, Lose>> = {
  "expired just now": (_store, clock, lease) => {
    clock.advance(ttlMs);
    return Promise.resolve(lease);
  },
  "was taken over": async (store, clock, lease) => {
    clock.advance(ttlMs);
    await take(store, lease.name, "successor");
    return lease;
  },
  "was released": async (store, _clock, lease) => {
    await store.releaseLease(lease);
    return lease;
  },
  "was released and taken by another": async (store, _clock, lease) => {
    await store.releaseLease(lease);
    await take(store, lease.name, "successor");
    return lease;
  },
  "never existed": (_store, _clock, lease) => Promise.resolve({ ...lease, name: "run/unknown" }),
  "has a token from the future": (_store, _clock, lease) =>
    Promise.resolve({ ...lease, token: lease.token + 1 }),
};

export function fencingTests(open: OpenStore): void {
  for (const [method, write] of Object.entries(writes)) {
    void test(
      `${method} writes while the lease is held`,
      withStore(open, async ({ store, clock }) => {
        const { lease, batch } = await prepare(store);
        const before = await contentOf(store, batch);
        clock.advance(ttlMs - 1);

        await write(store, lease, batch);

        assert.notDeepEqual(await contentOf(store, batch), before);
      }),
    );

    for (const [loss, lose] of Object.entries(losses)) {
      void test(
        `${method} is refused and changes nothing when the lease ${loss}`,
        withStore(open, async ({ store, clock }) => {
          const { lease, batch } = await prepare(store);
          const lost = await lose(store, clock, lease);
          const before = await contentOf(store, batch);

          await assert.rejects(write(store, lost, batch), { code: "LEASE_LOST" });

          assert.deepEqual(await contentOf(store, batch), before);
        }),
      );
    }
  }
}

async function prepare(store: CheckpointStore): Promise<{ lease: Lease; batch: BatchRef }> {
  const { lease, opened } = await startStage(store, [4]);
  await store.putCheckpoints("r1", "resources", [aCheckpoint("a")], lease);
  const [batch] = opened;
  assert.ok(batch);
  return { lease, batch };
}

async function theRun(store: CheckpointStore): Promise<RunRecord> {
  const run = await store.getRun("r1");
  assert.ok(run);
  return run;
}

async function contentOf(store: CheckpointStore, batch: BatchRef): Promise<unknown> {
  return {
    run: await theRun(store),
    control: await store.getControl("r1"),
    events: await store.listEvents({ runId: "r1", after: 0, limit: 100 }),
    stages: await store.listStages("r1"),
    batch: await store.getBatch(batch),
    open: await store.listOpenBatches(stageRef, { limit: 100 }),
    checkpoints: await store.listCheckpoints("r1", "resources", { limit: 100 }),
  };
}
