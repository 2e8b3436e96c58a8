import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { Worker } from "../testing/run-world.ts";
import { addPart, backUpAggregated, copyToNative, switchToNative } from "./testing/switched.ts";
import { assertState, CONSENTS, driveApproving, RestoreWorld, startRestore } from "./testing/world.ts";

const SUBJECT = "hidden-natives";
const OTHERS = CONSENTS.filter((subject) => subject !== SUBJECT);
const NATIVE = "projectcalico.org/v3";
const SETS = { apiVersion: NATIVE, plural: "globalnetworksets" };
const TIERS = { apiVersion: NATIVE, plural: "tiers" };
const BLOCKS = { apiVersion: NATIVE, plural: "ipamblocks" };
const HANDLES = { apiVersion: NATIVE, plural: "ipamhandles" };

/** A cluster that has migrated since it was backed up, and where everything is natively as it was in the old group. */
async function migrated(world: RestoreWorld, worker: Worker): Promise<string> {
  const from = await backUpAggregated(world, worker);
  await switchToNative(world);
  await copyToNative(world);
  return from;
}

function set(name: string): JsonObject {
  return { apiVersion: NATIVE, kind: "GlobalNetworkSet", metadata: { name }, spec: {} };
}

async function nameOf(
  { cluster }: RestoreWorld,
  ref: { apiVersion: string; plural: string },
): Promise<string> {
  const name = textAt((await cluster.list(ref)).items[0] ?? {}, "metadata", "name");
  assert.notEqual(name, "");
  return name;
}

describe("what was done natively since the backup, where an aggregated API server comes back", () => {
  test("is asked about, and listed by name, whatever was done", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await migrated(world, worker);
    const tier = await nameOf(world, TIERS);
    await world.cluster.create(SETS, set("since"));
    await world.cluster.patch(
      { ...TIERS, name: tier },
      { metadata: { labels: { changed: "yes" } } },
      { type: "merge" },
    );
    await world.cluster.delete({ ...SETS, name: "office" });

    const runId = await startRestore(worker, { from, side: "kubernetes" });
    const { run } = await driveApproving(world, worker, runId, OTHERS);

    assert.equal(run.waiting?.subject, SUBJECT, JSON.stringify(run.failure));
    assert.match(run.waiting.message, /^3 are not, and are forgotten: /);
    const named = [`tiers/${tier} (changed)`, "globalnetworksets/since (created)"];
    for (const one of [...named, "globalnetworksets/office (deleted)"])
      assert.ok(run.waiting.message.includes(`${NATIVE}/${one}`), one);
    const { store } = worker.embedded;
    const listed = await store.listCheckpoints(runId, "uncarried", { states: ["pending"], limit: 100 });
    assert.deepEqual(
      listed
        .filter(({ detail }) => detail["subject"] === SUBJECT)
        .map(({ key }) => key)
        .sort(),
      [`${NATIVE}/globalnetworksets/office`, `${NATIVE}/globalnetworksets/since`, `${NATIVE}/tiers/${tier}`],
    );
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });

  test("is nothing, and not asked about, where all is as the old group had it", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const runId = await startRestore(worker, { from: await migrated(world, worker), side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId, OTHERS), "Succeeded");
  });

  for (const stopBefore of ["lock", "release-dependants", "restore-apiservice"])
    test(`is asked about again as far as it is new: before ${stopBefore}`, async () => {
      using world = await RestoreWorld.create();
      const worker = world.worker();
      const from = await migrated(world, worker);
      await world.cluster.create(SETS, set("since"));
      const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore });
      const stopped = await driveApproving(world, worker, runId);
      assert.equal(stopped.run.waiting?.subject, stopBefore, JSON.stringify(stopped.run.failure));
      await world.cluster.create(SETS, set("late"));

      await worker.engine.approve(runId, "test", stopBefore);
      const { run } = await world.drive(worker, runId);

      assert.equal(run.waiting?.subject, SUBJECT, JSON.stringify(run.failure));
      assert.match(
        run.waiting.message,
        /^1 were created, .*: \S+globalnetworksets\/late \(created\)\. Keep /,
      );
      assertState(await driveApproving(world, worker, runId), "Succeeded");
    });

  for (const stage of ["lock", "release-dependants", "restore-apiservice"])
    test(`is asked about again where ${stage} has begun, and goes on after days`, async () => {
      using world = await RestoreWorld.create();
      const worker = world.worker();
      const from = await migrated(world, worker);
      const runId = await startRestore(worker, { from, side: "kubernetes" });
      const mend = breakAtStart(world, worker, { runId, stage });
      const failed = await driveApproving(world, worker, runId);
      assert.deepEqual([failed.run.stage, failed.run.failure?.code], [stage, "BROKEN"]);
      mend();
      await world.cluster.create(SETS, set("late"));

      await worker.engine.resume(runId);
      const { run } = await driveApproving(world, worker, runId, OTHERS);

      assert.equal(run.waiting?.subject, SUBJECT, JSON.stringify(run.failure));
      assert.match(
        run.waiting.message,
        /^1 were created, .*: \S+globalnetworksets\/late \(created\)\. Keep /,
      );
      assertState(await driveApproving(world, worker, runId), "Succeeded");
    });

  test("is not asked about again for every pod that comes or goes", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await migrated(world, worker);
    const block = { ...BLOCKS, name: await nameOf(world, BLOCKS) };
    const handle = { ...HANDLES, name: await nameOf(world, HANDLES) };
    const write = async (spec: JsonObject): Promise<void> => {
      await world.cluster.patch(block, { spec }, { type: "merge" });
    };
    await write({ attributes: [{ handle_id: "since" }] });
    await world.cluster.delete(handle);
    const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore: "lock" });
    const stopped = await driveApproving(world, worker, runId);
    assert.equal(stopped.run.waiting?.subject, "lock", JSON.stringify(stopped.run.failure));
    await write({ attributes: [{ handle_id: "later" }] });
    const metadata = { name: "handle-of-later" };
    await world.cluster.create(HANDLES, { apiVersion: NATIVE, kind: "IPAMHandle", metadata, spec: {} });

    await worker.engine.approve(runId, "test", "lock");
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("is not what the restore itself has put back there, of before a migration", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await migrated(world, worker);
    const earlier = { ...set("office"), spec: { nets: ["192.0.2.0/24"] } };
    await addPart(worker, { runId: from, kind: "native-" }, [{ ref: SETS, object: earlier }]);
    const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore: "restore-apiservice" });
    await driveApproving(world, worker, runId, OTHERS);
    assert.deepEqual((await world.cluster.get({ ...SETS, name: "office" }))["spec"], earlier.spec);

    await worker.engine.approve(runId, "test", "restore-apiservice");
    assertState(await driveApproving(world, worker, runId, OTHERS), "Succeeded");
  });

  test("cannot be told where native objects may not be listed: the right is asked for, and then it is", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await migrated(world, worker);
    await world.cluster.create(SETS, set("since"));
    const create = world.cluster.create.bind(world.cluster);
    const list = world.cluster.list.bind(world.cluster);
    world.cluster.create = (ref, object, options) => {
      const { group, resource, verb } = attributesOf(object);
      const isRefused = group === "projectcalico.org" && resource === SETS.plural && verb === "list";
      return isRefused ? Promise.resolve({ status: { allowed: false } }) : create(ref, object, options);
    };
    world.cluster.list = (ref, options) =>
      ref.apiVersion === NATIVE && ref.plural === SETS.plural
        ? Promise.reject(new KubernetesApiError("KUBERNETES_FORBIDDEN", "no", { next: "", status: 403 }))
        : list(ref, options);
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    const refused = (await driveApproving(world, worker, runId)).run.failure;
    assert.equal(refused?.code, "PREFLIGHT_FAILED");
    assert.match(refused.message, /list globalnetworksets/);

    Object.assign(world.cluster, { create, list });
    await worker.engine.resume(runId);
    const { run } = await driveApproving(world, worker, runId, OTHERS);
    assert.equal(run.waiting?.subject, SUBJECT, JSON.stringify(run.failure));
  });

  test("is looked at anew when preflight is: what is so no more is not shown, and not covered", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await migrated(world, worker);
    await world.cluster.create(SETS, set("since"));
    world.cluster.storage.hooks.dryRun = () => {
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", "no", { next: "", status: 403 });
    };
    await world.cluster.delete({ ...SETS, apiVersion: "crd.projectcalico.org/v1", name: "office" });
    const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore: "lock" });
    assert.equal((await driveApproving(world, worker, runId)).run.failure?.code, "PREFLIGHT_FAILED");
    delete world.cluster.storage.hooks.dryRun;
    await world.cluster.delete({ ...SETS, name: "since" });
    await worker.engine.resume(runId);
    const stopped = await driveApproving(world, worker, runId, OTHERS);
    assert.equal(stopped.run.waiting?.subject, "lock", JSON.stringify(stopped.run));
    await world.cluster.create(SETS, set("since"));

    await worker.engine.approve(runId, "test", "lock");
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, SUBJECT);
  });
});

function attributesOf(review: JsonObject): Record<string, string> {
  const spec = review["spec"] as JsonObject | undefined;
  return (spec?.["resourceAttributes"] ?? {}) as Record<string, string>;
}

/** A stage fails at its first look at who serves the native group; gives what ends that. */
function breakAtStart(
  { cluster }: RestoreWorld,
  { embedded: { store } }: Worker,
  { runId, stage }: { runId: string; stage: string },
): () => void {
  const { get, request } = { get: cluster.get.bind(cluster), request: cluster.request.bind(cluster) };
  const refuse = async (what: string): Promise<void> => {
    if (!what.includes("apiservices")) return;
    const stages = await store.listStages(runId);
    if (stages.some((one) => one.stage === stage)) throw new KubernetesApiError("BROKEN", "no", { next: "" });
  };
  cluster.get = async (ref) => {
    await refuse(ref.plural);
    return get(ref);
  };
  cluster.request = async (asked) => {
    await refuse(asked.path);
    return request(asked);
  };
  return () => Object.assign(cluster, { get, request });
}
