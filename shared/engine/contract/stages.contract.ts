import assert from "node:assert/strict";
import { test } from "node:test";
import type { StageRecord } from "../records.ts";
import { aControl, aRun, aStage, type OpenStore, stageRef, startStage, take, withStore } from "./fixtures.ts";

export function stageTests(open: OpenStore): void {
  void test(
    "a stage comes back as it was saved; the counters are the store's own",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const stage = aStage({
        cursor: { page: ["ü", null] },
        notes: { intent: { was: true } },
        finishedAt: 3,
      });

      await store.saveStage(
        { ...stage, batches: 9, openBatches: 9, total: 9, counts: { applied: 9 } },
        lease,
      );

      assert.deepEqual(await store.getStage(stageRef), stage);
    }),
  );

  void test(
    "saving a stage again replaces what can be set, and keeps the counters",
    withStore(open, async ({ store }) => {
      const { lease, opened } = await startStage(store, [3, 4]);
      const [first] = opened;
      assert.ok(first);
      await store.closeBatch(first, "done", { applied: 3 }, lease);

      await store.saveStage(aStage({ state: "done", planned: true, notes: { a: 1 }, finishedAt: 8 }), lease);

      const counters = { batches: 2, openBatches: 1, total: 7, counts: { applied: 3 } };
      const expected = aStage({ state: "done", planned: true, notes: { a: 1 }, finishedAt: 8, ...counters });
      assert.deepEqual(await store.getStage(stageRef), expected);
    }),
  );

  void test(
    "a cursor of null is kept apart from none",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      await store.saveStage(aStage({ cursor: null }), lease);
      assert.equal((await store.getStage(stageRef))?.cursor, null);

      await store.saveStage(aStage(), lease);
      assert.deepEqual(await store.getStage(stageRef), aStage());
    }),
  );

  void test(
    "stages are listed in the order of their start, of this run only",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const started: StageRecord[] = [
        aStage({ stage: "zebra", startedAt: 1 }),
        aStage({ stage: "ant", startedAt: 2 }),
        aStage({ stage: "ant", track: "rollback", startedAt: 3 }),
      ];
      for (const stage of started) await store.saveStage(stage, lease);
      await store.saveStage(aStage({ runId: "r2" }), lease);
      await store.saveStage(aStage({ stage: "zebra", startedAt: 1, state: "done" }), lease);

      const listed = (await store.listStages("r1")).map(
        ({ track, stage, state }) => `${track} ${stage} ${state}`,
      );

      assert.deepEqual(listed, ["forward zebra done", "forward ant running", "rollback ant running"]);
    }),
  );

  void test(
    "an unknown stage is undefined",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());

      assert.equal(await store.getStage(stageRef), undefined);
      assert.deepEqual(await store.listStages("r1"), []);
    }),
  );
  planningTests(open);
}

function planningTests(open: OpenStore): void {
  void test(
    "planning opens batches, numbers them on, counts them, and keeps its cursor, all at once",
    withStore(open, async ({ store }) => {
      const { lease } = await startStage(store, [5, 6]);

      const step = { batches: [{ scope: { from: "k" }, size: 7 }], cursor: ["k"], planned: false };
      const { stage, opened } = await store.openBatches(stageRef, step, lease);

      assert.deepEqual(opened, [{ ...stageRef, batch: 2 }]);
      assert.deepEqual(stage, aStage({ cursor: ["k"], batches: 3, openBatches: 3, total: 18 }));
      assert.deepEqual(await store.getStage(stageRef), stage);
      assert.deepEqual(await store.getBatch({ ...stageRef, batch: 2 }), {
        ...stageRef,
        batch: 2,
        state: "open",
        scope: { from: "k" },
        size: 7,
        attempts: 0,
        stuck: false,
      });
    }),
  );

  void test(
    "the last step of planning may open nothing; it drops the cursor and keeps the notes",
    withStore(open, async ({ store }) => {
      const { lease } = await startStage(store, [5]);
      await store.saveStage(aStage({ cursor: "k", notes: { kept: 1 } }), lease);

      const { stage, opened } = await store.openBatches(stageRef, { batches: [], planned: true }, lease);

      assert.deepEqual(opened, []);
      assert.deepEqual(
        stage,
        aStage({ notes: { kept: 1 }, planned: true, batches: 1, openBatches: 1, total: 5 }),
      );
    }),
  );

  void test(
    "steps made at the same time get numbers of their own",
    withStore(open, async ({ store }) => {
      const { lease } = await startStage(store, []);
      const step = {
        batches: [
          { scope: {}, size: 1 },
          { scope: {}, size: 1 },
        ],
        planned: false,
      };

      const steps = await Promise.all(
        Array.from({ length: 5 }, () => store.openBatches(stageRef, step, lease)),
      );

      const numbers = steps.flatMap(({ opened }) => opened.map(({ batch }) => batch)).sort((a, b) => a - b);
      assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.equal((await store.getStage(stageRef))?.openBatches, 10);
    }),
  );

  void test(
    "a stage that was never saved gets no batches",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const step = { batches: [{ scope: {}, size: 1 }], planned: true };

      await assert.rejects(store.openBatches(stageRef, step, lease));

      assert.equal(await store.getStage(stageRef), undefined);
      assert.equal(await store.getBatch({ ...stageRef, batch: 0 }), undefined);
    }),
  );
}

export function batchTests(open: OpenStore): void {
  listingTests(open);
  progressTests(open);
  closingTests(open);
}

function listingTests(open: OpenStore): void {
  void test(
    "open batches are listed by number, from one on, at most so many",
    withStore(open, async ({ store }) => {
      const { lease, opened } = await startStage(
        store,
        Array.from({ length: 12 }, () => 1),
      );
      for (const ref of opened.slice(0, 3)) await store.closeBatch(ref, "done", {}, lease);

      const first = await store.listOpenBatches(stageRef, { limit: 4 });
      const rest = await store.listOpenBatches(stageRef, { after: 6, limit: 100 });

      assert.deepEqual(
        first.map(({ batch }) => batch),
        [3, 4, 5, 6],
      );
      assert.deepEqual(
        rest.map(({ batch }) => batch),
        [7, 8, 9, 10, 11],
      );
      assert.deepEqual(first[0]?.scope, { index: 3 });
      assert.deepEqual(await store.listOpenBatches({ ...stageRef, track: "rollback" }, { limit: 9 }), []);
    }),
  );

  void test(
    "an unknown batch is undefined",
    withStore(open, async ({ store }) => {
      await startStage(store, [1]);

      assert.equal(await store.getBatch({ ...stageRef, batch: 1 }), undefined);
      assert.equal(await store.getBatch({ ...stageRef, stage: "other", batch: 0 }), undefined);
    }),
  );
}

function progressTests(open: OpenStore): void {
  const failure = { code: "X", message: "m", next: "n" };

  void test(
    "a batch keeps its progress, attempts and failure, until they are dropped",
    withStore(open, async ({ store }) => {
      const { lease } = await startStage(store, [4]);
      const ref = { ...stageRef, batch: 0 };
      const fresh = {
        ...ref,
        state: "open" as const,
        scope: { index: 0 },
        size: 4,
        attempts: 0,
        stuck: false,
      };
      const troubled = { ...fresh, progress: { after: "k" }, attempts: 2, failure, stuck: true };

      await store.saveBatch(troubled, lease);
      assert.deepEqual(await store.getBatch(ref), troubled);

      await store.saveBatch(fresh, lease);
      assert.deepEqual(await store.getBatch(ref), fresh);
    }),
  );

  void test(
    "saving a batch neither closes it nor changes what it covers",
    withStore(open, async ({ store }) => {
      const { lease, opened } = await startStage(store, [4]);
      const [ref] = opened;
      assert.ok(ref);
      const batch = await store.getBatch(ref);
      assert.ok(batch);

      await store.saveBatch({ ...batch, state: "done", scope: { index: 99 }, size: 99 }, lease);

      assert.deepEqual(await store.getBatch(ref), batch);
      assert.equal((await store.getStage(stageRef))?.openBatches, 1);
    }),
  );

  void test(
    "a closed batch stays as it was closed",
    withStore(open, async ({ store }) => {
      const { lease, opened } = await startStage(store, [4]);
      const [ref] = opened;
      assert.ok(ref);
      const batch = await store.getBatch(ref);
      assert.ok(batch);
      await store.closeBatch(ref, "done", {}, lease);

      await store.saveBatch({ ...batch, attempts: 3, failure, stuck: true }, lease);

      assert.deepEqual(await store.getBatch(ref), { ...batch, state: "done" });
    }),
  );
}

function closingTests(open: OpenStore): void {
  void test(
    "closing a batch adds its counts to the stage",
    withStore(open, async ({ store }) => {
      const { lease, opened } = await startStage(store, [3, 4, 5]);
      const [a, b, c] = opened;
      assert.ok(a && b && c);

      await store.closeBatch(a, "done", { applied: 2, conflict: 1 }, lease);
      await store.closeBatch(b, "cancelled", { applied: 1 }, lease);
      const stage = await store.closeBatch(c, "done", {}, lease);

      assert.deepEqual(stage, aStage({ batches: 3, total: 12, counts: { applied: 3, conflict: 1 } }));
      assert.deepEqual(await store.getStage(stageRef), stage);
      const states = await Promise.all(opened.map(async (ref) => (await store.getBatch(ref))?.state));
      assert.deepEqual(states, ["done", "cancelled", "done"]);
      assert.deepEqual(await store.listOpenBatches(stageRef, { limit: 9 }), []);
    }),
  );

  void test(
    "a batch is closed once, however often and in whatever way it is tried",
    withStore(open, async ({ store }) => {
      const { lease, opened } = await startStage(store, [3, 4]);
      const [ref] = opened;
      assert.ok(ref);
      const ways = ["done", "done", "cancelled", "done"] as const;

      const results = await Promise.all(ways.map((way) => store.closeBatch(ref, way, { applied: 3 }, lease)));
      const late = await store.closeBatch(ref, "done", { applied: 3 }, lease);

      assert.equal(results.filter((stage) => stage !== undefined).length, 1);
      assert.equal(late, undefined);
      assert.deepEqual(
        await store.getStage(stageRef),
        aStage({ batches: 2, openBatches: 1, total: 7, counts: { applied: 3 } }),
      );
    }),
  );

  void test(
    "batches closed at the same time are all counted",
    withStore(open, async ({ store }) => {
      const { lease, opened } = await startStage(
        store,
        Array.from({ length: 20 }, () => 1),
      );

      const stages = await Promise.all(
        opened.map((ref) => store.closeBatch(ref, "done", { applied: 1 }, lease)),
      );

      const left = stages.map((stage) => stage?.openBatches ?? -1).sort((a, b) => a - b);
      assert.deepEqual(
        left,
        Array.from({ length: 20 }, (_, index) => index),
      );
      assert.deepEqual((await store.getStage(stageRef))?.counts, { applied: 20 });
    }),
  );

  void test(
    "an unknown batch closes nothing",
    withStore(open, async ({ store }) => {
      const { lease } = await startStage(store, [3]);

      assert.equal(
        await store.closeBatch({ ...stageRef, batch: 7 }, "done", { applied: 1 }, lease),
        undefined,
      );

      assert.deepEqual(await store.getStage(stageRef), aStage({ batches: 1, openBatches: 1, total: 3 }));
    }),
  );
}
