import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunRecord } from "../../engine/records.ts";
import type { Worker } from "../testing/run-world.ts";
import { mismatches } from "./testing/oracle.ts";
import { policy } from "./testing/source.ts";
import { goOn, startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";
import { writeAsUser } from "./testing/writers.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const POLICIES = { plural: "networkpolicies", namespace: "shop" };
/** More than two pages of a list. */
const MANY = 1_100;

async function createMany(world: World, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const name = `many-${String(n).padStart(5, "0")}`;
    await world.cluster.create(
      { ...POLICIES, apiVersion: OLD },
      policy(name, { order: n, types: ["Ingress"] }),
    );
  }
}

/** Changes at both ends of the list and on every page of it, deletions included. */
async function changeSome(world: World): Promise<void> {
  const via = OLD;
  await writeAsUser(world.cluster, { name: "aaa-first", act: "put", via, order: 1 });
  await writeAsUser(world.cluster, { name: "many-00003", act: "delete", via, order: 1 });
  await writeAsUser(world.cluster, { name: "many-00600", act: "recreate", via, order: 7 });
  await writeAsUser(world.cluster, { name: "many-01099", act: "delete", via, order: 1 });
  await writeAsUser(world.cluster, { name: "zzz-last", act: "put", via, order: 2 });
}

/** A run that stops before the stage, and again before its cleanup. */
async function startBefore(world: World, worker: Worker, stage: string): Promise<string> {
  const approvals = ["unlock"];
  const runId = await startWhole(worker, { options: { batchSize: 100 }, approvals, stopBefore: stage });
  assertWaits((await world.drive(worker, runId)).run, stage);
  return runId;
}

function assertWaits({ stage, failure, waiting }: RunRecord, subject: string): void {
  assert.equal(waiting?.subject, subject, JSON.stringify([stage, failure, waiting]));
}

/** A run before its first look at what changed since the copy, of which the API server remembers nothing. */
async function withForgotten(world: World, worker: Worker): Promise<string> {
  await createMany(world, MANY);
  const runId = await startBefore(world, worker, "follow");
  await changeSome(world);
  world.cluster.storage.forgetChanges();
  return runId;
}

/** Approves all that is left, and lets the run go on to its cleanup. */
async function toCleanup(world: World, worker: Worker, runId: string): Promise<void> {
  const { run } = await goOn(world, worker, runId, "follow");
  assertWaits(run, "cleanup");
  assert.deepEqual(await mismatches(world.cluster), []);
}

describe("changes that the API server has forgotten", () => {
  test("are found by comparing everything", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    await toCleanup(world, worker, await withForgotten(world, worker));
  });

  test("are found also where the list does not go on", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await withForgotten(world, worker);
    let times = 0;
    world.meanwhile.after.push((write) => {
      if (write.endsWith("/many-00003") && times++ === 0) world.cluster.storage.forgetChanges();
      return Promise.resolve();
    });
    await toCleanup(world, worker, runId);
    assert.equal(times, 1);
  });

  test("are found by whoever goes on where a worker has died, without the pages before", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await withForgotten(world, worker);
    world.meanwhile.before.push((write) => {
      if (write.startsWith("delete ") && write.endsWith("/many-01099")) worker.life.kill();
      return Promise.resolve();
    });
    await worker.engine.approve(runId, "test", "follow");
    await world.drive(worker, runId);
    assert.ok(worker.life.dead);
    world.meanwhile.before.length = 0;
    const pages: (string | undefined)[] = [];
    const { storage } = world.cluster;
    const list = storage.list.bind(storage);
    storage.list = (ref, options) => {
      if (ref.apiVersion === OLD && ref.plural === POLICIES.plural) pages.push(options?.continueToken);
      return list(ref, options);
    };
    const heir = world.worker();
    assertWaits((await world.drive(heir, runId)).run, "cleanup");
    assert.ok(pages[0]?.includes("/many-"), `it began with ${String(pages[0])}`);
    assert.deepEqual(await mismatches(world.cluster), []);
  });

  test("hold the run where they conflict, until a person has settled it", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await withForgotten(world, worker);
    const contested = { ...POLICIES, name: "many-00042" };
    await world.cluster.storage.delete({ ...contested, apiVersion: NATIVE });
    await writeAsUser(world.cluster, { name: contested.name, act: "recreate", via: OLD, order: 3 });
    const theirs = policy(contested.name, { order: 9, types: ["Egress"] });
    await world.cluster.storage.create(
      { ...contested, apiVersion: NATIVE },
      { ...theirs, apiVersion: NATIVE },
    );
    const { run } = await goOn(world, worker, runId, "follow");
    assert.equal(run.waiting?.reason, "Conflict", JSON.stringify([run.stage, run.failure, run.waiting]));
    await world.cluster.storage.delete({ ...contested, apiVersion: NATIVE });
    await world.drive(worker, runId, ({ state }) => state !== "Waiting");
    const { run: done } = await world.drive(worker, runId);
    assertWaits(done, "cleanup");
    assert.deepEqual(await mismatches(world.cluster), []);
  });
});

describe("what changes while everything is copied inside the lock", () => {
  test("is found by comparing everything", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    await createMany(world, MANY);
    let done = false;
    world.meanwhile.before.push(async (write) => {
      if (done || write !== `create ${NATIVE}/networkpolicies/shop/many-01000`) return;
      done = true;
      await changeSome(world);
    });
    const worker = world.worker();
    await startBefore(world, worker, "cleanup");
    assert.ok(done);
    assert.deepEqual(await mismatches(world.cluster), []);
  });
});

describe("more changes than one look shows", () => {
  test("are all applied before the run goes on, however many looks that takes", async () => {
    using world = await wholeWorld();
    await createMany(world, MANY);
    const worker = world.worker();
    const runId = await startBefore(world, worker, "catch-up-last");
    for (let order = 1; order <= 4; order++)
      for (let n = 0; n < MANY; n++) {
        const name = `many-${String(n).padStart(5, "0")}`;
        await writeAsUser(world.cluster, { name, act: "put", via: OLD, order });
      }
    const { run } = await goOn(world, worker, runId, "catch-up-last");
    assertWaits(run, "cleanup");
    assert.deepEqual(await mismatches(world.cluster), []);
  });
});
