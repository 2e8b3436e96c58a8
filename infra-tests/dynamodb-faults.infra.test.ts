import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  answerInParts,
  type Fate,
  type Fault,
  withFaults,
} from "../shared/adapters/aws/dynamodb/testing/faults.ts";
import {
  aCheckpoint,
  aControl,
  anEvent,
  aRun,
  aStage,
  stageRef,
  take,
  ttlMs,
} from "../shared/engine/contract/fixtures.ts";
import type { CheckpointStore } from "../shared/engine/ports.ts";
import { isRetryable } from "../shared/errors.ts";
import { openDynamoDbStore } from "../shared/adapters/aws/dynamodb/index.ts";
import { startTables, type Tables } from "./rig/tables.ts";

const SHORT = { attempts: 3, requests: 2, baseMs: 1, maxMs: 2 };

let tables: Tables;

before(async () => {
  tables = await startTables();
});

after(async () => {
  await tables.stop();
});

/** Every write there is, once, and what is there then. */
async function wholeStory(store: CheckpointStore): Promise<unknown> {
  const lease = await take(store);
  await store.createRun(aRun(), aControl());
  const held = await store.saveRun(aRun({ holdsCluster: true, nextWakeAt: 5 }), lease, [anEvent(1)]);
  await store.saveStage(aStage(), lease);
  const batches = Array.from({ length: 3 }, (_, index) => ({ scope: { index }, size: 1 }));
  const { opened } = await store.openBatches(stageRef, { batches, planned: false }, lease);
  const many = Array.from({ length: 120 }, () => ({ scope: {}, size: 1 }));
  await store.openBatches(stageRef, { batches: many, cursor: "c", planned: true }, lease);
  const [first] = await store.listOpenBatches(stageRef, { limit: 1 });
  assert.ok(first);
  await store.saveBatch({ ...first, attempts: 1 }, lease);
  const closed = [];
  for (const ref of opened) closed.push(await store.closeBatch(ref, "done", { applied: 1 }, lease));
  const checkpoints = Array.from({ length: 60 }, (_, index) => aCheckpoint(`k${index}`));
  await store.putCheckpoints("r1", "resources", checkpoints, lease);
  const moved = aCheckpoint("k1", { target: "new", state: "applied" });
  const collisions = await store.putCheckpoints(
    "r1",
    "resources",
    [moved, aCheckpoint("x", { target: "new" })],
    lease,
  );
  for (let times = 0; times < 3; times += 1) {
    await store.updateControl("r1", (control) => ({ ...control, retries: control.retries + 1 }));
  }
  const renewed = await store.renewLease(lease, ttlMs);
  await store.releaseLease(lease);
  const next = await store.acquireLease(lease.name, "next", ttlMs);
  return {
    ...{ held, closed, collisions, renewed, next },
    run: await store.getRun("r1"),
    control: await store.getControl("r1"),
    runs: await store.listRuns({ limit: 5 }),
    due: await store.dueRuns(10, 5),
    events: await store.listEvents({ runId: "r1", after: 0, limit: 9 }),
    stages: await store.listStages("r1"),
    batch: await store.getBatch({ ...stageRef, batch: 0 }),
    checkpoints: await store.listCheckpoints("r1", "resources", { limit: 99 }),
    found: await store.findByTarget("r1", "resources", ["new", "target of k1", "target of k2"]),
  };
}

describe("a story with faults", () => {
  let calm: unknown;

  before(async () => {
    calm = await wholeStory((await tables.create()).store);
  });

  const everyOther: (fault: Fault) => Fate = (fault) => (_command, request) =>
    request % 2 === 0 ? fault : undefined;

  for (const fault of ["lost answer", "throttled", "conflict", "no connection"] as const) {
    // The client itself is slow to try again what was throttled.
    for (const maxAttempts of fault === "throttled" ? [1] : [1, 3]) {
      test(`ends as one without, when every other request meets "${fault}" (${maxAttempts} tries by the client)`, async () => {
        const table = (await tables.create()).again({ maxAttempts });
        const happened = withFaults(table.client, everyOther(fault));

        assert.deepEqual(await wholeStory(table.store), calm);

        assert.ok(happened() > 20, `${happened()} faults`);
      });
    }
  }

  test("ends as one without, when an answer is lost and what comes next is throttled", async () => {
    const table = (await tables.create()).again({ maxAttempts: 1 });
    const fates: readonly (Fault | undefined)[] = ["lost answer", "throttled", "throttled", undefined];
    withFaults(table.client, (_command, request) => fates[request % fates.length]);

    assert.deepEqual(await wholeStory(table.store), calm);
  });

  test("ends as one without, when answers come in parts", async () => {
    const table = await tables.create();
    answerInParts(table.client);

    assert.deepEqual(await wholeStory(table.store), calm);
  });
});

describe("a table that is not there for long", () => {
  for (const [fault, code] of [
    ["throttled", "STORE_BUSY"],
    ["conflict", "STORE_BUSY"],
    ["no connection", "STORE_UNREACHABLE"],
    ["lost answer", "STORE_UNREACHABLE"],
  ] as const) {
    test(`is ${code} when every request meets "${fault}", and can be tried again`, async () => {
      const table = await tables.create();
      const lease = await take(table.store);
      await table.store.createRun(aRun(), aControl());
      const faulty = table.again({ retry: SHORT, maxAttempts: 1 });
      withFaults(faulty.client, (command) => (command.startsWith("Get") ? undefined : fault));

      for (const work of [
        () => faulty.store.saveRun(aRun(), lease, []),
        () => faulty.store.acquireLease("other", "me", ttlMs),
        () => faulty.store.updateControl("r1", (control) => control),
      ]) {
        await assert.rejects(work(), (error: Error) => {
          assert.equal("code" in error && error.code, code);
          return isRetryable(error);
        });
      }
    });
  }

  test("says so when it does not exist", async () => {
    const { documents, clock } = await tables.create();
    const store = openDynamoDbStore({ client: documents, tableName: "missing", clock, historyDays: 1 });

    await assert.rejects(store.getRun("r1"), { code: "STORE_NOT_FOUND", message: /"missing"/ });
    await assert.rejects(store.createRun(aRun(), aControl()), { code: "STORE_NOT_FOUND" });
  });
});

describe("others that are faster", () => {
  test("are waited for only so long", async () => {
    const table = await tables.create();
    await table.store.createRun(aRun(), aControl());
    const hasty = table.again({ retry: SHORT });
    let others = Promise.resolve();
    const change = (retries: number) => {
      others = others.then(async () => {
        await table.store.updateControl("r1", (control) => ({ ...control, retries: control.retries + 10 }));
      });
      return retries + 1;
    };
    hasty.client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context["commandName"] === "TransactWriteItemsCommand") await others;
        return next(args);
      },
      { step: "initialize", name: "after the others" },
    );

    const work = hasty.store.updateControl("r1", (control) => ({
      ...control,
      retries: change(control.retries),
    }));

    await assert.rejects(work, { code: "STORE_BUSY" });
    assert.equal((await table.store.getControl("r1"))?.retries, 30);
  });
});

describe("the registry of clusters", () => {
  const east = {
    name: "east",
    labels: { tier: "production" },
    server: "https://10.0.0.1:6443",
    etcdEndpoints: ["https://10.0.0.2:2379"],
    secretArn: "arn:aws:secretsmanager:eu-west-1:000000000000:secret:calico-migrator/clusters/east-AbCdEf",
  };

  test("keeps clusters and lists them by name, replaces one only when told to, removes one once", async () => {
    const { clusters } = await tables.create();
    const bare = {
      name: "arn:aws:eks:eu-west-1:1:cluster/b@c",
      server: "https://b",
      secretArn: east.secretArn,
    };
    await clusters.add(east);
    await clusters.add(bare);
    assert.deepEqual(await clusters.get("east"), east);
    assert.deepEqual(await clusters.list(), [bare, east]);
    assert.equal(await clusters.get("west"), undefined);

    const moved = { ...east, server: "https://10.0.0.9:6443" };
    await assert.rejects(clusters.add(moved), { code: "CLUSTER_EXISTS" });
    await clusters.add(moved, { replace: true });
    assert.deepEqual(await clusters.get("east"), moved);

    await clusters.remove("east");
    assert.deepEqual(await clusters.list(), [bare]);
    await assert.rejects(clusters.remove("east"), { code: "CLUSTER_NOT_FOUND" });
  });

  test("keeps a cluster while a run on it has not ended, also when it is taken up again", async () => {
    const { clusters, store } = await tables.create();
    await clusters.add(east);
    await store.createRun(aRun({ runId: "other", cluster: "west" }), aControl());
    await store.createRun(aRun({ state: "Failed" }), aControl());
    const busy = { code: "CLUSTER_BUSY", details: { cluster: "east", runId: "r1" } };
    await assert.rejects(clusters.remove("east"), busy);

    const lease = await take(store);
    const ended = await store.saveRun(aRun({ state: "Succeeded" }), lease, []);
    const again = await store.saveRun({ ...ended, state: "RollingBack" }, lease, []);
    await assert.rejects(clusters.remove("east"), busy);

    await store.saveRun({ ...again, state: "RolledBack" }, lease, []);
    await clusters.remove("east");
    assert.equal(await clusters.get("east"), undefined);
  });

  test("adds and removes a cluster though the answers are lost", async () => {
    const { clusters, client } = (await tables.create()).again({ maxAttempts: 1 });
    withFaults(client, (_command, request) => (request % 2 === 0 ? "lost answer" : undefined));

    await clusters.add(east);
    await clusters.remove("east");

    assert.deepEqual(await clusters.list(), []);
  });
});
