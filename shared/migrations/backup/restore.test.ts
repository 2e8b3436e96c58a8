import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LOCK_ANNOTATION, lockedClusterInformation, readLock } from "../../calico/lock.ts";
import { resourceKey } from "../../calico/testing/samples.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import { managersOf, runFieldManager } from "../../kubernetes/managed-fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { changed } from "../testing/dumps.ts";
import { KubernetesSide } from "./restore/kubernetes-side.ts";
import type { Worker } from "../testing/run-world.ts";
import {
  assertState,
  backUp,
  CONSENTS,
  disturb,
  driveApproving,
  RestoreWorld,
  sidesOf,
  startRestore,
  wipeEtcd,
  wipeOldGroup,
} from "./testing/world.ts";

const INFORMATION = {
  apiVersion: "crd.projectcalico.org/v1",
  plural: "clusterinformations",
  name: "default",
};
const INFORMATION_KEY = resourceKey("clusterinformations", "default");
const POOL = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools" };

const OFFICE = { apiVersion: "crd.projectcalico.org/v1", plural: "globalnetworksets", name: "office" };

/** Somebody deletes a set, which a finalizer holds. */
async function holdAndDelete({ cluster }: RestoreWorld): Promise<void> {
  await cluster.patch(OFFICE, { metadata: { finalizers: ["example.com/hold"] } }, { type: "merge" });
  await cluster.delete(OFFICE);
}

/** Nobody but this one owns anything of the object. */
async function managedBy({ cluster }: RestoreWorld, ref: ObjectRef, manager: string): Promise<void> {
  const { apiVersion } = ref;
  const entry = {
    manager,
    operation: "Apply",
    apiVersion,
    fieldsType: "FieldsV1",
    fieldsV1: { "f:spec": {} },
  };
  await cluster.patch(ref, { metadata: { managedFields: [entry] } }, { type: "merge" });
}

type Side = "etcd" | "kubernetes";

/** What ClusterInformation says of the lock. */
async function lockOf({ cluster, etcd }: RestoreWorld, side: Side): Promise<unknown> {
  const text =
    side === "etcd" ? (etcd.dump()[INFORMATION_KEY] ?? "") : JSON.stringify(await cluster.get(INFORMATION));
  return readLock(text);
}

/** Locks a side, as a migration leaves it that has moved on from it. @returns what ClusterInformation then says of the lock. */
async function lockAsMigration(world: RestoreWorld, side: Side): Promise<unknown> {
  const { cluster, etcd } = world;
  const run = "etcd-to-kubernetes-00000000";
  if (side === "etcd")
    etcd.put(INFORMATION_KEY, lockedClusterInformation(etcd.dump()[INFORMATION_KEY] ?? "", run));
  else {
    const locked = { metadata: { annotations: { [LOCK_ANNOTATION]: run } }, spec: { datastoreReady: false } };
    await cluster.patch(INFORMATION, locked, { type: "merge" });
  }
  return lockOf(world, side);
}

describe("restore, drilled", () => {
  test("brings etcd back after all of it is gone", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const before = world.etcd.dump();
    wipeEtcd(world);

    const run = await driveApproving(world, worker, await startRestore(worker, { from, side: "etcd" }));

    assertState(run, "Succeeded");
    assert.deepEqual(changed(before, world.etcd.dump()), []);
  });

  test("brings the old group back after its definitions are deleted, owners included", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const before = world.cluster.dump();
    await wipeOldGroup(world);

    assertState(
      await driveApproving(world, worker, await startRestore(worker, { from, side: "kubernetes" })),
      "Succeeded",
    );

    const office = await world.cluster.get({ ...POOL, plural: "globalnetworksets", name: "office" });
    const differing = changed(withoutStatus(before), withoutStatus(world.cluster.dump()));
    // The policy's owner was created again, and has another UID.
    assert.deepEqual(differing, ["crd.projectcalico.org/v1/networkpolicies/shop/owned"]);
    assert.ok(world.cluster.dump()[differing[0] ?? ""]?.includes(textAt(office, "metadata", "uid")));
  });

  for (const side of ["etcd", "kubernetes"] as const)
    test(`of ${side} is taken back whole, before the unlock and after it`, async () => {
      for (const stopBefore of ["verify", "unlock", undefined]) {
        using world = await RestoreWorld.create();
        const worker = world.worker();
        const from = await backUp(world, worker);
        await disturb(world);
        const before = sidesOf(world);
        const runId = await startRestore(worker, {
          from,
          side,
          ...(stopBefore === undefined ? {} : { stopBefore }),
        });
        const { run } = await driveApproving(world, worker, runId);
        assert.equal(
          run.waiting?.subject ?? run.state,
          stopBefore ?? "Succeeded",
          JSON.stringify(run.failure),
        );
        assert.notDeepEqual(changed(before, sidesOf(world)), []);

        await worker.engine.undo(runId, "rollback");
        assertState(await world.drive(worker, runId), "RolledBack");

        assert.deepEqual(changed(before, sidesOf(world)), []);
      }
    });
});

/** Calico's components renew the status of objects by themselves. */
function withoutStatus(dump: Record<string, string>): Record<string, string> {
  const entries = Object.entries(dump).map(([path, text]): [string, string] => {
    const { status, ...object } = path.includes("projectcalico.org/v")
      ? (JSON.parse(text) as object & { status?: unknown })
      : {};
    return [path, path.includes("projectcalico.org/v") ? JSON.stringify(object) : text];
  });
  return Object.fromEntries(entries);
}

describe("restore", () => {
  test("asks before anything is changed, and about old addresses apart", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    wipeEtcd(world);
    const before = sidesOf(world);
    const runId = await startRestore(worker, { from, side: "etcd" });

    const first = await world.drive(worker, runId);
    assert.equal(first.run.waiting?.subject, "restore");
    assert.match(first.run.waiting.message, /\d+ created, 0 overwritten/);
    await worker.engine.approve(runId, "test", "restore");
    const second = await world.drive(worker, runId);

    assert.equal(second.run.waiting?.subject, "addresses");
    assert.match(second.run.waiting.message, /ipam/);
    assert.deepEqual(changed(before, sidesOf(world)), []);
  });

  test("does not overwrite addresses that have changed since they were shown", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const [block = ""] = Object.keys(world.etcd.dump()).filter((key) => key.includes("/assignment/"));
    world.etcd.put(block, "{}");
    const runId = await startRestore(worker, { from, side: "etcd", stopBefore: "rehearse" });
    const stopped = await driveApproving(world, worker, runId);
    assert.equal(stopped.run.waiting?.subject, "rehearse");
    world.etcd.put(block, '{"given":"since"}');

    await worker.engine.approve(runId, "test", "rehearse");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "RESTORE_STALE");
    assert.ok(run.failure.message.includes(block));
    assert.equal(world.etcd.dump()[block], '{"given":"since"}');
    assert.match(run.failure.next, /^`abort` this restore and start it again/);
    await worker.engine.undo(runId, "abort");
    assertState(await world.drive(worker, runId), "Aborted");
    const again = await startRestore(worker, { from, side: "etcd" });
    assertState(await driveApproving(world, worker, again), "Succeeded");
  });

  test("asks again about what has come since it was shown, before anything is locked", async () => {
    for (const side of ["etcd", "kubernetes"] as const) {
      using world = await RestoreWorld.create();
      const worker = world.worker();
      const from = await backUp(world, worker);
      await disturb(world);
      const runId = await startRestore(worker, { from, side, stopBefore: "rehearse" });
      const stopped = await driveApproving(world, worker, runId);
      assert.equal(stopped.run.waiting?.subject, "rehearse");
      const late = { apiVersion: POOL.apiVersion, kind: "IPPool", metadata: { name: "late" }, spec: {} };
      await world.cluster.create(POOL, late);
      world.etcd.put("/calico/ipam/v2/assignment/ipv4/block/198.51.100.0-26", '{"given":"since"}');
      const before = sidesOf(world);

      await worker.engine.approve(runId, "test", "rehearse");
      const { run } = await world.drive(worker, runId);

      assert.equal(run.waiting?.subject, "only-here", JSON.stringify(run.failure));
      assert.match(run.waiting.message, /^1 have come .*: .*(ippools\/late|198\.51\.100\.0-26)\. Delete /);
      assert.deepEqual(changed(before, sidesOf(world)), []);
      assertState(await driveApproving(world, worker, runId), "Succeeded");
    }
  });

  test("does not overwrite addresses that were as in the backup when they were shown", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    world.etcd.delete(resourceKey("tiers", "secure"));
    const [block = ""] = Object.keys(world.etcd.dump()).filter((key) => key.includes("/assignment/"));
    const runId = await startRestore(worker, { from, side: "etcd", stopBefore: "rehearse" });
    await driveApproving(world, worker, runId);
    world.etcd.put(block, '{"given":"since"}');

    await worker.engine.approve(runId, "test", "rehearse");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "RESTORE_STALE");
    assert.ok(run.failure.message.includes(block));
  });

  test("does not try again what stays out with consent", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    await wipeOldGroup(world);
    await world.cluster.delete({ apiVersion: "v1", plural: "namespaces", name: "shop" });
    world.cluster.hooks.dryRun = (write, object) => {
      if (!write.includes("/shop/")) return object;
      const more = { next: "Create it.", status: 404 };
      throw new KubernetesApiError("KUBERNETES_NOT_FOUND", `${write}: namespaces "shop" not found`, more);
    };
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });

  test("leaves no name of a run on anything, and gives fields back to who managed them in the backup", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    for (const name of ["gitops", "exported"])
      await world.cluster.create(POOL, {
        ...{ apiVersion: POOL.apiVersion, kind: "IPPool" },
        ...{ metadata: { name }, spec: {} },
      });
    await managedBy(world, { ...POOL, name: "gitops" }, "flux");
    // What is exported and imported names no managers.
    const nobody = { metadata: { managedFields: [{}] } };
    await world.cluster.patch({ ...POOL, name: "exported" }, nobody, { type: "merge" });
    const from = await backUp(world, worker);
    await wipeOldGroup(world);
    const before = sidesOf(world);

    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    assert.deepEqual(world.cluster.storage.managedByRuns(), []);
    for (const [name, manager] of [
      ["gitops", "flux"],
      ["exported", "backup"],
    ] as const) {
      const pool = await world.cluster.get({ ...POOL, name });
      assert.deepEqual(
        managersOf(pool).map((one) => one.manager),
        [manager],
      );
    }

    await worker.engine.undo(runId, "rollback");
    assertState(await world.drive(worker, runId), "RolledBack");
    assert.deepEqual(changed(before, sidesOf(world)), []);
    assert.deepEqual(world.cluster.storage.managedByRuns(), []);
  });

  for (const stopBefore of ["verify", "unlock", undefined])
    test(`that is undone ${stopBefore === undefined ? "at its end" : `before ${stopBefore}`} leaves no name of a run`, async () => {
      using world = await RestoreWorld.create();
      const worker = world.worker();
      const from = await backUp(world, worker);
      await disturb(world);
      const pool = {
        ...POOL,
        name: textAt((await world.cluster.list(POOL)).items[0] ?? {}, "metadata", "name"),
      };
      await managedBy(world, pool, "flux");
      const more = stopBefore === undefined ? {} : { stopBefore };
      const runId = await startRestore(worker, { from, side: "kubernetes", ...more });
      await driveApproving(world, worker, runId);
      if (stopBefore !== undefined) {
        assert.notDeepEqual(world.cluster.storage.managedByRuns(), []);
        // Whoever changes a field takes it from the others.
        await managedBy(world, pool, runFieldManager(runId));
      }

      await worker.engine.undo(runId, "rollback");
      assertState(await world.drive(worker, runId), "RolledBack");

      assert.deepEqual(world.cluster.storage.managedByRuns(), []);
      const managers = managersOf(await world.cluster.get(pool)).map(({ manager }) => manager);
      assert.deepEqual(managers, ["flux"]);
    });

  test("leaves the datastore ready, whatever its lock was when the backup was made", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const marked = { [LOCK_ANNOTATION]: "etcd-to-kubernetes-00000000" };
    const locked = { metadata: { annotations: marked }, spec: { datastoreReady: false } };
    await world.cluster.patch(INFORMATION, locked, { type: "merge" });
    const ready = world.etcd.dump()[INFORMATION_KEY] ?? "";
    world.etcd.put(INFORMATION_KEY, ready.replace('"datastoreReady":true', '"datastoreReady":false'));
    const from = await backUp(world, worker);
    const unlocked = {
      metadata: { annotations: { [LOCK_ANNOTATION]: null } },
      spec: { datastoreReady: true },
    };
    await world.cluster.patch(INFORMATION, unlocked, { type: "merge" });
    wipeEtcd(world);

    for (const side of ["etcd", "kubernetes"] as const)
      assertState(
        await driveApproving(world, worker, await startRestore(worker, { from, side })),
        "Succeeded",
      );

    const { metadata, spec } = await world.cluster.get(INFORMATION);
    assert.equal((spec as { datastoreReady?: boolean }).datastoreReady, true);
    assert.ok(!JSON.stringify(metadata).includes("etcd-to-kubernetes"));
    assert.equal(world.etcd.dump()[INFORMATION_KEY], ready);
  });

  test("does not take over another run's lock unasked", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const annotations = { [LOCK_ANNOTATION]: "etcd-to-kubernetes-00000000" };
    const locked = { metadata: { annotations }, spec: { datastoreReady: false } };
    await world.cluster.patch(INFORMATION, locked, { type: "merge" });
    const approved = ["restore", "addresses", "uncarried", "only-here"];

    const runId = await startRestore(worker, { from, side: "kubernetes" });
    const { run } = await driveApproving(world, worker, runId, approved);

    assert.equal(run.waiting?.subject, "foreign-lock");
    assert.match(run.waiting.message, /by run "etcd-to-kubernetes-00000000"/);
  });

  for (const side of ["etcd", "kubernetes"] as const)
    test(`gives the lock of whoever has locked ${side} since back to them when it is taken back`, async () => {
      using world = await RestoreWorld.create();
      const worker = world.worker();
      const from = await backUp(world, worker);
      await disturb(world);
      const runId = await startRestore(worker, { from, side });
      assertState(await driveApproving(world, worker, runId), "Succeeded");
      const locked = await lockAsMigration(world, side);

      await worker.engine.undo(runId, "rollback");
      const asked = (await world.drive(worker, runId)).run.waiting;
      const ended = await driveApproving(world, worker, runId);

      assert.equal(asked?.subject, "foreign-lock");
      assert.match(asked.message, /by run "etcd-to-kubernetes-00000000"; .* gives it back at its end$/);
      assertState(ended, "RolledBack");
      assert.deepEqual(await lockOf(world, side), locked);
    });

  test("names all that has no place here, and all that is here alone", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    await world.cluster.delete({ apiVersion: "v1", plural: "namespaces", name: "shop" });
    await world.cluster.delete({ apiVersion: "v1", plural: "nodes", name: "node-b" });
    const object = { apiVersion: POOL.apiVersion, kind: "IPPool", metadata: { name: "new" }, spec: {} };
    await world.cluster.create(POOL, object);

    const runId = await startRestore(worker, { from, side: "kubernetes" });
    const { stages } = await world.drive(worker, runId);

    const { checks } = stages[0]?.notes as { checks: { id: string; items?: string[] }[] };
    const named = (id: string): string => checks.find((check) => check.id === id)?.items?.join() ?? "";
    assert.match(named("all-restorable"), /there is no namespace "shop"/);
    assert.match(named("all-restorable"), /there is no Node "node-b"/);
    assert.match(named("only-here"), /ippools\/new/);
  });

  test("leaves no name of a run on Nodes, and takes them back although nothing on them tells whose they are", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    await disturb(world);
    const before = sidesOf(world);
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    const node = await world.cluster.get({ apiVersion: "v1", plural: "nodes", name: "node-b" });
    assert.match(JSON.stringify(node), /"projectcalico.org\/IPv4Address":"192.0.2.11\/24"/);
    assert.deepEqual(
      managersOf(node).map(({ manager }) => manager),
      ["user", "calico-node"],
    );

    await worker.engine.undo(runId, "rollback");
    assertState(await world.drive(worker, runId), "RolledBack");
    assert.deepEqual(changed(before, sidesOf(world)), []);
  });

  test("keeps what others have changed since, when it is taken back", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const key = resourceKey("tiers", "secure");
    world.etcd.delete(key);
    const runId = await startRestore(worker, { from, side: "etcd" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    world.etcd.put(key, "{}");

    await worker.engine.undo(runId, "rollback");
    const { stages } = await world.drive(worker, runId);

    assert.equal(world.etcd.dump()[key], "{}");
    assert.equal(stages.find(({ stage }) => stage === "put-back")?.counts["stays"], 1);
  });

  test("puts nothing in the place of what is being deleted, until that is gone", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const office = OFFICE;
    await holdAndDelete(world);
    const runId = await startRestore(worker, { from, side: "kubernetes" });

    const { run } = await driveApproving(world, worker, runId);

    assert.equal(run.failure?.code, "PREFLIGHT_FAILED", JSON.stringify([run.stage, run.failure]));
    assert.match(run.failure.message, /office.*it is being deleted, and held by example\.com\/hold/);
    const connections = {
      kubernetes: world.cluster,
      limiter: new AdaptiveLimiter(),
      etcd: () => assert.fail(),
    };
    const signal = new AbortController().signal;
    const side = new KubernetesSide({ run, connections, signal, ensureHeld: () => undefined });
    const item = side.itemOf({
      ref: { apiVersion: office.apiVersion, plural: office.plural },
      object: await world.cluster.get(office),
    });
    assert.ok(item);
    const found = (await side.read([item])).get(item.key);
    // One that is deleted later than it was tried.
    await assert.rejects(side.put(item, found), {
      code: "RESTORE_REFUSED",
      next: /take them off, then `resume`/,
    });
    await world.cluster.patch(office, { metadata: { finalizers: null } }, { type: "merge" });
    await worker.engine.resume(runId);
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    const { metadata } = await world.cluster.get(office);
    assert.equal(Object.keys(metadata ?? {}).includes("deletionTimestamp"), false);
  });

  test("locks nothing while something is being deleted by then (RESTORE_REFUSED)", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore: "lock" });
    assert.equal((await driveApproving(world, worker, runId)).run.waiting?.subject, "lock");
    await holdAndDelete(world);

    await worker.engine.approve(runId, "test", "lock");
    const { run } = await driveApproving(world, worker, runId);

    assert.deepEqual([run.stage, run.failure?.code], ["lock", "RESTORE_REFUSED"]);
    assert.match(run.failure?.message ?? "", /^nothing is locked.*office: it is being deleted, and held by/);
    assert.match(run.failure?.next ?? "", /take them off, then `abort` this restore and start it again/);
    assert.doesNotMatch(JSON.stringify(await world.cluster.get(INFORMATION)), new RegExp(runId));
    await world.cluster.patch(OFFICE, { metadata: { finalizers: null } }, { type: "merge" });
    await worker.engine.undo(runId, "abort");
    assertState(await world.drive(worker, runId), "Aborted");
    const again = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, again), "Succeeded");
    assert.equal(textAt(await world.cluster.get(OFFICE), "metadata", "deletionTimestamp"), "");
  });

  test("is started again where something that was as in the backup is not any more (RESTORE_STALE)", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore: "rehearse" });
    assert.equal((await driveApproving(world, worker, runId)).run.waiting?.subject, "rehearse");
    await world.cluster.delete(OFFICE);

    await worker.engine.approve(runId, "test", "rehearse");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "RESTORE_STALE", JSON.stringify([run.stage, run.failure]));
    assert.match(run.failure.message, /no longer so: .*office$/);
    assert.match(run.failure.next, /^`abort` this restore and start it again/);
    await worker.engine.undo(runId, "abort");
    assertState(await world.drive(worker, runId), "Aborted");
    const again = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, again), "Succeeded");
    assert.equal(textAt(await world.cluster.get(OFFICE), "metadata", "name"), "office");
  });

  test("leaves out what was being deleted when the backup was made, with consent", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    await holdAndDelete(world);
    const from = await backUp(world, worker);
    const held = await world.cluster.get(OFFICE);
    const runId = await startRestore(worker, { from, side: "kubernetes" });

    const others = CONSENTS.filter((subject) => subject !== "uncarried");
    const { run } = await driveApproving(world, worker, runId, others);
    assert.equal(run.waiting?.subject, "uncarried", JSON.stringify(run.failure));
    assert.match(run.waiting.message, /office \(it was being deleted when the backup was made\)/);
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    assert.deepEqual(await world.cluster.get(OFFICE), held);

    await world.cluster.patch(OFFICE, { metadata: { finalizers: null } }, { type: "merge" });
    const again = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, again), "Succeeded");
    await assert.rejects(world.cluster.get(OFFICE), { code: "KUBERNETES_NOT_FOUND" });
  });

  test("finds what somebody changes inside the lock", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const runId = await startRestore(worker, { from, side: "etcd", stopBefore: "verify" });
    await driveApproving(world, worker, runId);
    const key = resourceKey("ippools", "v6");
    const before = world.etcd.dump()[key] ?? "";
    world.etcd.put(key, "{}");
    world.etcd.put(resourceKey("ippools", "new"), "{}");

    await worker.engine.approve(runId, "test", "verify");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "VERIFY_FAILED");
    assert.match(run.failure.message, /ippools\/new is not in the backup.*ippools\/v6 differs$/);
    assert.match(run.failure.next, /^Mend or delete what is named, `describe` lists all of it, and `resume`/);
    world.etcd.put(key, before);
    world.etcd.delete(resourceKey("ippools", "new"));
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });
});

describe("a restore that is taken back", () => {
  test("says of no datastore that it is locked where there is nothing to lock any more", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    const before = (await locksTold(worker, runId)).length;
    assert.equal(before, 1);
    for (const apiVersion of ["crd.projectcalico.org/v1", "projectcalico.org/v3"])
      await world.cluster
        .delete({ apiVersion, plural: "clusterinformations", name: "default" })
        .catch(() => undefined);

    await worker.engine.undo(runId, "rollback");
    assertState(await world.drive(worker, runId), "RolledBack");
    assert.equal((await locksTold(worker, runId)).length, before);
  });
});

async function locksTold({ embedded: { store } }: Worker, runId: string): Promise<unknown[]> {
  const events = await store.listEvents({ runId, after: 0, limit: 1000 });
  return events.filter(({ type }) => type === "datastore.locked");
}

describe("backup", () => {
  test("works on a cluster without etcd", async () => {
    using world = await RestoreWorld.create();
    world.hasEtcd = false;
    const worker = world.worker();
    const from = await backUp(world, worker);
    const parts = await worker.embedded.artifacts.list(`runs/${from}/backup/`);
    assert.ok(parts.every(({ name }) => !name.includes("/etcd-")));
    assert.ok(parts.some(({ name }) => name.endsWith("/index.json")));
  });
});
