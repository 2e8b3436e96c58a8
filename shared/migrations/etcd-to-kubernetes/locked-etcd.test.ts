import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { Life } from "../testing/life.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, runUpTo } from "./testing/steps.ts";
import { type Described, sidesOf, startRun, type Worker, World } from "./testing/world.ts";

const POLICIES = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "shop" };
const NAMESPACES = { apiVersion: "v1", plural: "namespaces" };
const ALL_LEASES_MS = 60_000;

/** A finished migration of these policies, among others. */
async function finished(world: World, worker: Worker, names: readonly string[]): Promise<string> {
  for (const name of names) world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`));
  const runId = await startRun(worker);
  assertState(await world.drive(worker, runId), "Succeeded");
  return runId;
}

async function goBack(world: World, worker: Worker, runId: string): Promise<Described["run"]> {
  await worker.engine.undo(runId, "rollback");
  return (await world.drive(worker, runId)).run;
}

/** What somebody writes who ignores the lock of etcd, as an orchestrator or a calicoctl can that still points there. */
function writeThere(world: World, name: string, order: number): void {
  world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`, { order }));
}

function changeHere(world: World, name: string, order: number): Promise<unknown> {
  return world.kubernetes.patch({ ...POLICIES, name }, { spec: { order } }, { type: "merge" });
}

/** The order of each policy in etcd; "gone" of one that is not there. */
function orders(world: World, names: readonly string[]): unknown[] {
  const etcd = world.etcd.dump();
  return names.map((name) => {
    const text = etcd[policyKey(`shop/${name}`)];
    return text === undefined ? "gone" : (JSON.parse(text) as { spec: { order?: number } }).spec.order;
  });
}

function isTargetLocked(world: World): boolean {
  const found = Object.entries(sidesOf(world).kubernetes).find(([path]) =>
    path.includes("/clusterinformations/"),
  );
  return readLock(found?.[1] ?? "").ready === false;
}

function assertAsked({ waiting, stage, failure }: Described["run"], names: readonly string[]): void {
  assert.equal(waiting?.subject, "not-carried-back", JSON.stringify([stage, failure]));
  assert.equal(waiting.count, names.length, waiting.message);
  for (const name of names) assert.match(waiting.message, new RegExp(`/${name} \\(`));
}

describe("what was written to the locked etcd since the unlock", () => {
  test("is kept as it is, named, and asked for while nothing is locked: changed, deleted or created there", async () => {
    using world = await World.create();
    const worker = world.worker();
    const names = ["both", "there", "deleted-here", "deleted-there", "created", "here"];
    const runId = await finished(world, worker, names.toSpliced(4, 1));
    writeThere(world, "both", 7);
    writeThere(world, "there", 8);
    writeThere(world, "deleted-here", 9);
    writeThere(world, "created", 10);
    world.etcd.delete(policyKey("shop/deleted-there"));
    for (const name of ["both", "deleted-there", "here"]) await changeHere(world, name, 5);
    await world.kubernetes.delete({ ...POLICIES, name: "deleted-here" });

    assertAsked(await goBack(world, worker, runId), names.slice(0, 5));
    assert.equal(isTargetLocked(world), false);

    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    assert.deepEqual(orders(world, names), [7, 8, 9, "gone", 10, 5]);
  });

  test("is asked for anew where it was written again after the question, and not where it was put right", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await finished(world, worker, ["a", "b"]);
    writeThere(world, "a", 7);
    writeThere(world, "created", 7);
    assertAsked(await goBack(world, worker, runId), ["a", "created"]);
    writeThere(world, "a", 8);
    world.etcd.delete(policyKey("shop/created"));

    const { run } = await approve(world, worker, runId, "not-carried-back");

    assertAsked(run, ["a"]);
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    assert.deepEqual(orders(world, ["a", "created"]), [8, "gone"]);
  });

  test("after the lock is found there, and asked for then", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await finished(world, worker, ["a", "b"]);
    writeThere(world, "a", 7);
    assertAsked(await goBack(world, worker, runId), ["a"]);
    let written = false;
    world.kubernetes.hooks.after = (write) => {
      if (written || !write.includes("clusterinformations/default")) return;
      written = true;
      writeThere(world, "b", 8);
    };

    const { run } = await approve(world, worker, runId, "not-carried-back");

    assertAsked(run, ["a", "b"]);
    assert.equal(isTargetLocked(world), true);
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    assert.deepEqual(orders(world, ["a", "b"]), [7, 8]);
  });

  test("is nobody's question where it means what Kubernetes means, or is a node's own status", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await finished(world, worker, ["a"]);
    await changeHere(world, "a", 5);
    writeThere(world, "a", 5);
    const status = resourceKey("caliconodestatuses", "new");
    world.etcd.put(status, JSON.stringify(resource("CalicoNodeStatus", "new", { node: "node-b" })));
    const found = await world.kubernetes.get({ ...POLICIES, name: "a" });
    const { namespace, labels = {} } = objectAt(found, "metadata");
    await world.kubernetes.create(POLICIES, { ...found, metadata: { name: "twin", namespace, labels } });
    writeThere(world, "twin", 5);

    const run = await goBack(world, worker, runId);

    assert.equal(run.state, "RolledBack", JSON.stringify([run.waiting, run.failure]));
    assert.deepEqual(orders(world, ["a", "twin"]), [5, 5]);
  });

  test("after the carrying back is asked for as well, and so is what comes while a person thinks about it", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await finished(world, worker, ["a", "b"]);
    await changeHere(world, "a", 5);
    world.etcd.hooks.after = (write) => {
      if (write !== `put ${policyKey("shop/a")}`) return;
      world.etcd.hooks.after = undefined;
      writeThere(world, "a", 9);
    };

    assertAsked(await goBack(world, worker, runId), ["a"]);
    writeThere(world, "created", 7);
    world.etcd.delete(policyKey("shop/b"));
    const { run } = await approve(world, worker, runId, "not-carried-back");

    assertAsked(run, ["a", "created", "b"]);
    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    assert.deepEqual(orders(world, ["a", "b", "created"]), [9, "gone", 7]);
  });
});

test("an object that was made with the annotations of another takes no key of etcd from it", async () => {
  using world = await World.create();
  const worker = world.worker();
  const runId = await finished(world, worker, ["a"]);
  const found = await world.kubernetes.get({ ...POLICIES, name: "a" });
  const { uid: _uid, resourceVersion: _version, ...metadata } = objectAt(found, "metadata");
  await world.kubernetes.create(POLICIES, { ...found, metadata: { ...metadata, name: "twin" } });

  const run = await goBack(world, worker, runId);

  assertAsked(run, ["twin"]);
  assert.match(run.waiting?.message ?? "", /its key in etcd is that of .*networkpolicies\/shop\/a/);
  assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
  assert.ok(world.etcd.dump()[policyKey("shop/a")]);
});

describe("what the migration has left in etcd", () => {
  async function leftBehind(world: World, worker: Worker): Promise<string> {
    world.etcd.put(policyKey("team/web"), policyValue("team/web", { order: 1 }));
    const runId = await runUpTo(world, worker, "pre-copy");
    await approve(world, worker, runId, "pre-copy");
    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");
    return runId;
  }

  test("and nobody has touched gives way to what Kubernetes has since", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await leftBehind(world, worker);
    await world.kubernetes.create(NAMESPACES, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "team" },
    });
    const spec = { order: 2, selector: "all()", types: ["Ingress"] };
    const team = { ...POLICIES, namespace: "team" };
    await world.kubernetes.create(team, {
      ...{ apiVersion: POLICIES.apiVersion, kind: "NetworkPolicy" },
      metadata: { name: "web", namespace: "team" },
      spec,
    });

    assert.equal((await goBack(world, worker, runId)).state, "RolledBack");

    assert.match(world.etcd.dump()[policyKey("team/web")] ?? "", /"order":2/);
  });

  test("is asked for where somebody has changed it", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await leftBehind(world, worker);
    world.etcd.put(policyKey("team/web"), policyValue("team/web", { order: 3 }));

    assertAsked(await goBack(world, worker, runId), ["web"]);

    assertState(await approve(world, worker, runId, "not-carried-back"), "RolledBack");
    assert.match(world.etcd.dump()[policyKey("team/web")] ?? "", /"order":3/);
  });
});

test("what a worker has written to etcd that died before it could say so is not taken for somebody else's", async () => {
  for (const name of ["changed", "created"]) {
    using world = await World.create();
    const worker = world.worker();
    const runId = await finished(world, worker, ["changed"]);
    const found = await world.kubernetes.get({ ...POLICIES, name: "changed" });
    await changeHere(world, "changed", 5);
    await world.kubernetes.create(POLICIES, { ...found, metadata: { name: "created", namespace: "shop" } });
    const life = new Life();
    const mortal = world.worker(life);
    world.etcd.hooks.after = (write) => {
      if (write === `put ${policyKey(`shop/${name}`)}`) life.kill();
    };
    await worker.engine.undo(runId, "rollback");
    await world.drive(mortal, runId);
    assert.ok(life.dead);
    world.etcd.hooks.after = undefined;
    await changeHere(world, name, 6);
    world.clock.advance(ALL_LEASES_MS);

    assertState(await world.drive(worker, runId), "RolledBack");

    assert.deepEqual(orders(world, [name]), [6]);
  }
});
