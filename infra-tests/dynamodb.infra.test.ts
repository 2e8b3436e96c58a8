import assert from "node:assert/strict";
import { BatchWriteCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { describeCheckpointStore } from "../shared/engine/contract/checkpoint-store.contract.ts";
import {
  aCheckpoint,
  aControl,
  anEvent,
  aRun,
  aStage,
  stageRef,
  startStage,
  take,
} from "../shared/engine/contract/fixtures.ts";
import type { CheckpointStore } from "../shared/engine/ports.ts";
import type { Checkpoint, DatastoreLock, Lease, RunRecord } from "../shared/engine/records.ts";
import { toCheckpointItem } from "../shared/adapters/aws/dynamodb/checkpoint-item.ts";
import { type OpenTable, startTables, type Tables } from "./rig/tables.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

let tables: Tables;

before(async () => {
  tables = await startTables();
});

after(async () => {
  await tables.stop();
});

describeCheckpointStore("DynamoDbCheckpointStore", async () => {
  const { store, clock } = await tables.create();
  return { store, clock, cleanup: () => Promise.resolve() };
});

describe("two processes with one table", () => {
  const race = async () => {
    const one = await tables.create();
    return { one: one.store, other: one.again().store, clock: one.clock };
  };

  test("get a lease once", async () => {
    const { one, other, clock } = await race();
    for (let round = 0; round < 10; round += 1) {
      const leases = await Promise.all([
        one.acquireLease("run/r1", "one", 1_000),
        other.acquireLease("run/r1", "other", 1_000),
      ]);
      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
      clock.advance(1_000);
    }
  });

  test("close a batch once, and one of them sees the last one closed", async () => {
    const { one, other } = await race();
    const sizes = Array.from({ length: 6 }, () => 1);
    const { lease, opened } = await startStage(one, sizes);

    const closed = await Promise.all(
      opened.flatMap((ref) =>
        [one, other].map((store) => store.closeBatch(ref, "done", { applied: 1 }, lease)),
      ),
    );

    const left = closed.filter((stage) => stage !== undefined).map(({ openBatches }) => openBatches);
    assert.deepEqual(left.sort(), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual((await one.getStage(stageRef))?.counts, { applied: 6 });
  });

  for (const size of [3, 120]) {
    test(`open ${size} batches each, with numbers of their own`, async () => {
      const { one, other } = await race();
      const { lease } = await startStage(one, []);
      const step = (name: string) => ({
        batches: Array.from({ length: size }, () => ({ scope: { name }, size: 1 })),
        planned: false,
      });

      const steps = await Promise.all([
        one.openBatches(stageRef, step("one"), lease),
        other.openBatches(stageRef, step("other"), lease),
      ]);

      const numbers = steps.map(({ opened }) => opened.map(({ batch }) => batch));
      assert.deepEqual(new Set(numbers.flat()).size, 2 * size);
      const open = await one.listOpenBatches(stageRef, { limit: 1_000 });
      assert.equal(open.length, 2 * size);
      const first = new Set(numbers[0]);
      for (const { batch, scope } of open) assert.equal(scope["name"], first.has(batch) ? "one" : "other");
    });
  }

  test("give a target to one checkpoint only", async () => {
    const { one, other } = await race();
    const [a, b] = [await take(one, "batch/a"), await take(other, "batch/b")];
    const named = (prefix: string) =>
      Array.from({ length: 60 }, (_, index) => aCheckpoint(`${prefix}${index}`, { target: `t${index}` }));

    const [refusedA, refusedB] = await Promise.all([
      one.putCheckpoints("r1", "resources", named("a"), a),
      other.putCheckpoints("r1", "resources", named("b"), b),
    ]);

    const all = await one.listCheckpoints("r1", "resources", { limit: 1_000 });
    assert.equal(new Set(all.map(({ target }) => target)).size, 60);
    assert.equal(all.length, 60);
    assert.equal(refusedA.length + refusedB.length, 60);
  });
});

describe("a step of planning that does not fit into one transaction", () => {
  const step = {
    batches: Array.from({ length: 250 }, (_, index) => ({ scope: { index }, size: 2 })),
    cursor: "next",
    planned: true,
  };

  test("opens all of its batches at once, while others are closed", async () => {
    const { store } = await tables.create();
    const { lease, opened } = await startStage(store, [1, 1, 1]);

    const [{ stage }] = await Promise.all([
      store.openBatches(stageRef, step, lease),
      ...opened.map((ref) => store.closeBatch(ref, "done", {}, lease)),
    ]);

    assert.equal(stage.batches, 253);
    const stored = await store.getStage(stageRef);
    assert.deepEqual([stored?.openBatches, stored?.total, stored?.cursor], [250, 503, "next"]);
    assert.deepEqual((await store.getBatch({ ...stageRef, batch: 252 }))?.scope, { index: 249 });
  });

  test("opens none when the lease is lost on the way; the next one starts anew", async () => {
    const { store, clock, client } = await tables.create();
    const { lease } = await startStage(store, []);
    let transactions = 0;
    client.middlewareStack.add(
      (next, context) => (args) => {
        if (context["commandName"] === "TransactWriteItemsCommand" && (transactions += 1) === 3)
          clock.advance(60_000);
        return next(args);
      },
      { step: "initialize", priority: "high", name: "slow" },
    );

    // The third transaction still has the time of before; the one after it has not.
    await assert.rejects(store.openBatches(stageRef, step, lease), { code: "LEASE_LOST" });

    assert.deepEqual(await store.listOpenBatches(stageRef, { limit: 9 }), []);
    assert.equal(await store.getBatch({ ...stageRef, batch: 0 }), undefined);
    const successor = await take(store, lease.name, "successor");
    assert.equal(await store.closeBatch({ ...stageRef, batch: 0 }, "done", {}, successor), undefined);
    const { opened } = await store.openBatches(stageRef, step, successor);
    assert.deepEqual(
      opened.map(({ batch }) => batch),
      Array.from({ length: 250 }, (_, index) => index),
    );
    assert.equal((await store.listOpenBatches(stageRef, { limit: 300 })).length, 250);
  });
});

describe("names and values", () => {
  const odd = ["a#b", "%23", "a%b#", "\ud800", "😀", "\ue000", "漢", " ", "\u0000"];

  test("of any text are kept apart and in order", async () => {
    const { store } = await tables.create();
    const lease = await take(store, "run/#%");
    const checkpoints = odd.flatMap((key) => [aCheckpoint(key, { target: key }), aCheckpoint(`${key}/`)]);
    for (const runId of odd) await store.createRun(aRun({ runId, cluster: runId }), aControl());
    await store.putCheckpoints("a#b", "led#ger", checkpoints, lease);

    const listed = await store.listCheckpoints("a#b", "led#ger", { limit: 100 });

    assert.deepEqual(listed, [...checkpoints].sort(byKey));
    assert.equal((await store.findByTarget("a#b", "led#ger", odd)).length, odd.length);
    const runs = (await store.listRuns({ limit: 100 })).items.map(({ runId }) => runId);
    assert.deepEqual(runs.sort(), [...odd].sort());
    for (const runId of odd) {
      assert.deepEqual(
        (await store.listRuns({ cluster: runId, limit: 9 })).items.map((run) => run.runId),
        [runId],
      );
    }
  });

  test("any JSON comes back as JSON has it, wherever it is kept", async () => {
    const { store } = await tables.create();
    const lease = await take(store);
    const json = fc.jsonValue({ stringUnit: "binary", maxDepth: 3 });
    await fc.assert(
      fc.asyncProperty(json, async (value) => {
        const expected = JSON.parse(JSON.stringify({ value, absent: undefined })) as Checkpoint["detail"];
        const detail = { value, absent: undefined } as Checkpoint["detail"];
        await store.putCheckpoints("r1", "resources", [aCheckpoint("k", { detail })], lease);
        await store.saveStage(aStage({ notes: detail, cursor: expected["value"] ?? null }), lease);
        const [found] = await store.getCheckpoints("r1", "resources", [{ rank: 1, key: "k" }]);
        const stage = await store.getStage(stageRef);
        assert.deepEqual(
          [found?.detail, stage?.notes, stage?.cursor],
          [expected, expected, expected["value"]],
        );
      }),
      { numRuns: 30 },
    );
  });

  test("large ones are compressed; what is too large still is refused before it is written", async () => {
    const { store } = await tables.create();
    const lease = await take(store);
    const before = { items: Array.from({ length: 20_000 }, (_, index) => ({ cidr: `10.0.${index}.0/24` })) };
    const large = aCheckpoint("large", { detail: { before } });
    await store.putCheckpoints("r1", "resources", [large], lease);
    assert.deepEqual(await store.getCheckpoints("r1", "resources", [large]), [large]);

    const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)))
      .toString("hex")
      .repeat(1);
    const detail = { noise: Array.from({ length: 12 }, (_, index) => `${index}${shuffled(noise)}`) };
    await assert.rejects(
      store.putCheckpoints("r1", "resources", [aCheckpoint("a"), aCheckpoint("huge", { detail })], lease),
      { code: "RECORD_TOO_LARGE", message: /checkpoint "huge" of ledger "resources" of run "r1"/ },
    );
    await assert.rejects(store.putCheckpoints("r1", "resources", [aCheckpoint("k".repeat(2_000))], lease), {
      code: "RECORD_TOO_LARGE",
    });
    assert.deepEqual(await store.listCheckpoints("r1", "resources", { limit: 9 }), [large]);
  });
});

describe("the locks of datastores", () => {
  const signal = new AbortController().signal;
  const held = (since: number): DatastoreLock => ({
    ...{ datastore: "etcd", state: "locking", since, told: false, forPersonMs: 0, lookAt: since },
  });

  test("are found however many runs there are, from when they may be held until they are not", async () => {
    const { store } = await tables.create();
    const saved = new Map<string, { run: RunRecord; lease: Lease }>();
    for (const runId of ["r1", "r2", "r3"]) {
      await store.createRun(aRun({ runId, cluster: runId }), aControl());
      saved.set(runId, { run: aRun({ runId, cluster: runId }), lease: await take(store, `run/${runId}`) });
    }
    const save = async (runId: string, change: Partial<RunRecord>): Promise<number | undefined> => {
      const { run, lease } = saved.get(runId) ?? assert.fail();
      saved.set(runId, { run: await store.saveRun({ ...run, ...change }, lease, []), lease });
      return store.oldestLock(signal);
    };

    assert.equal(await save("r1", {}), undefined);
    assert.equal(await save("r2", { lock: held(2_000) }), 2_000);
    assert.equal(await save("r3", { lock: held(1_000) }), 1_000);
    assert.equal(await save("r3", { lock: { ...held(1_000), state: "unlocking" } }), 1_000);
    assert.equal(await save("r3", { lock: { ...held(1_000), state: "unlocked" } }), 2_000);
    assert.equal(await save("r2", { state: "Aborted" }), undefined);
    assert.equal(await save("r1", { lock: held(1) }), 1);
    await assert.rejects(store.oldestLock(AbortSignal.abort(new Error("late"))), /late/);
  });
});

describe("a ledger of 10,000 checkpoints", () => {
  test("is written, paged through, filtered and counted", { timeout: 300_000 }, async (context) => {
    const table = await tables.create();
    const { store } = table;
    const lease = await take(store);
    const all = Array.from({ length: 10_000 }, (_, index) => {
      const key = `/calico/resources/v3/projectcalico.org/networkpolicies/ns-${index % 50}/policy-${index}`;
      return aCheckpoint(key, { rank: 1 + (index % 3), detail: { kind: "NetworkPolicy", bytes: index } });
    });
    const timed = async (what: string, count: number, work: () => Promise<unknown>) => {
      const start = performance.now();
      await work();
      const seconds = (performance.now() - start) / 1000;
      context.diagnostic(`${what}: ${Math.round(count / seconds)}/s`);
    };
    const first = all.slice(0, 999);
    const applied = first.map((one) => ({ ...one, state: "applied" as const }));

    await timed("new checkpoints", 999, () => store.putCheckpoints("r1", "resources", first, lease));
    await timed("changes of state", 999, () => store.putCheckpoints("r1", "resources", applied, lease));
    await seed(table, all.slice(999));
    await timed("read", 10_000, async () => {
      assert.equal((await pageThrough(store, 1_000)).length, 10_000);
    });

    assert.deepEqual(await store.countCheckpoints("r1", "resources"), { pending: 9_001, applied: 999 });
    const some = await store.listCheckpoints("r1", "resources", {
      rank: 2,
      states: ["applied"],
      limit: 5_000,
    });
    assert.equal(some.length, 333);
    assert.equal((await store.getCheckpoints("r1", "resources", all.slice(500, 1_500))).length, 1_000);
  });
});

describe("an ended run", () => {
  const end = async (store: CheckpointStore, run: RunRecord, lease: Lease, at: number): Promise<RunRecord> =>
    store.saveRun({ ...run, state: "Succeeded", holdsCluster: false, updatedAt: at }, lease, []);

  test("is removed with all that is recorded of it when its time has come, others are not", async () => {
    const table = await tables.create();
    const { store, clock } = table;
    const { lease, run } = await fullRun(store, clock.now());
    await store.createRun(aRun({ runId: "unfinished" }), aControl());
    await store.createRun(aRun({ runId: "untold", state: "Aborted", eventSequence: 1 }), aControl());
    await end(store, run, lease, clock.now());
    clock.advance(90 * DAY_MS);
    assert.deepEqual(await store.removeEndedRuns(10, new AbortController().signal), []);
    clock.advance(1);

    assert.deepEqual(await store.removeEndedRuns(10, new AbortController().signal), ["r1"]);

    const left = await itemsOf(table);
    assert.deepEqual(
      left.filter(({ pk, sk }) => `${pk} ${sk}`.includes("r1")),
      [],
    );
    assert.equal(await store.getRun("r1"), undefined);
    const { items } = await store.listRuns({ limit: 10 });
    assert.deepEqual(items.map(({ runId }) => runId).sort(), ["unfinished", "untold"]);
  });

  test("that was begun to be removed is gone, cannot come back, and is removed to the end later", async () => {
    const table = await tables.create();
    const { store, clock } = table;
    const { lease, run } = await fullRun(store, clock.now());
    const ended = await end(store, run, lease, clock.now());
    clock.advance(91 * DAY_MS);
    let asked = 0;
    const signal = {
      get aborted() {
        return (asked += 1) > 2;
      },
    } as AbortSignal;

    assert.deepEqual(await store.removeEndedRuns(10, signal), []);

    assert.equal(await store.getRun("r1"), undefined);
    await assert.rejects(store.createRun(aRun(), aControl()), { code: "RUN_EXISTS" });
    const late = await take(store, "run/r1", "late");
    await assert.rejects(store.saveRun(ended, late, []), { code: "RUN_NOT_FOUND" });
    assert.deepEqual(await store.removeEndedRuns(10, new AbortController().signal), ["r1"]);
    await store.createRun(aRun(), aControl());
    assert.deepEqual(await store.listStages("r1"), []);
  });

  test("that is undone again stays, whatever its age, and nothing in the table expires by itself", async () => {
    const table = await tables.create();
    const { store, clock } = table;
    const { lease, run } = await fullRun(store, clock.now());
    const ended = await end(store, run, lease, clock.now());
    await store.saveRun({ ...ended, state: "RollingBack", holdsCluster: true }, lease, []);
    clock.advance(1_000 * DAY_MS);

    assert.deepEqual(await store.removeEndedRuns(10, new AbortController().signal), []);

    assert.equal((await store.getRun("r1"))?.state, "RollingBack");
    assert.deepEqual(
      (await itemsOf(table)).filter((item) => "expiresAt" in item),
      [],
    );
  });
});

/** A run with something in every kind of record. */
async function fullRun(store: CheckpointStore, now: number): Promise<{ lease: Lease; run: RunRecord }> {
  await store.createRun(aRun({ createdAt: now }), aControl());
  const lease = await take(store);
  const run = await store.saveRun(aRun({ createdAt: now, holdsCluster: true }), lease, [anEvent(1)]);
  await store.saveStage(aStage(), lease);
  const batches = Array.from({ length: 30 }, () => ({ scope: {}, size: 1 }));
  const { opened } = await store.openBatches(stageRef, { batches, planned: true }, lease);
  for (const { batch } of opened.slice(0, 3)) await take(store, `batch/r1/forward/precopy/${batch}`);
  const checkpoints = Array.from({ length: 120 }, (_, index) => aCheckpoint(`k${index}`));
  for (const ledger of ["resources", "odd #ledger"])
    await store.putCheckpoints("r1", ledger, checkpoints, lease);
  return { lease, run };
}

async function itemsOf({ documents, tableName }: OpenTable): Promise<Record<string, string>[]> {
  const { Items: items } = await documents.send(new ScanCommand({ TableName: tableName }));
  return (items ?? []) as Record<string, string>[];
}

/** Writes checkpoints as the store does, but many at once, and without their targets: only to be read. */
async function seed({ documents, tableName }: OpenTable, checkpoints: readonly Checkpoint[]): Promise<void> {
  for (let start = 0; start < checkpoints.length; start += 25) {
    const items = checkpoints
      .slice(start, start + 25)
      .map((checkpoint) => toCheckpointItem("r1", "resources", checkpoint));
    const requests = items.map((item) => ({ PutRequest: { Item: item } }));
    await documents.send(new BatchWriteCommand({ RequestItems: { [tableName]: requests } }));
  }
}

async function pageThrough(store: CheckpointStore, limit: number): Promise<Checkpoint[]> {
  const all: Checkpoint[] = [];
  for (;;) {
    const last = all.at(-1);
    const after = last === undefined ? {} : { after: { rank: last.rank, key: last.key } };
    const page = await store.listCheckpoints("r1", "resources", { limit, ...after });
    all.push(...page);
    if (page.length < limit) return all;
  }
}

function byKey(a: Checkpoint, b: Checkpoint): number {
  return a.key < b.key ? -1 : 1;
}

/** Another text of the same letters, so that compression finds nothing to share. */
function shuffled(text: string): string {
  return Array.from(text, (letter) => ({ letter, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ letter }) => letter)
    .join("");
}
