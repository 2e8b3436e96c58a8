import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import { Life } from "../testing/life.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, rollBack, runUpTo } from "./testing/steps.ts";
import { sidesOf, type Worker, World } from "./testing/world.ts";

const NAMESPACES = { apiVersion: "v1", plural: "namespaces" };
/** So many are made until what has come is copied. */
const MOST_WRITES = 12;
const POLICY = "crd.projectcalico.org/v1/networkpolicies/team/web";

function namespace(name: string): { apiVersion: string; kind: string; metadata: { name: string } } {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

describe("a policy whose namespace", () => {
  test("is created after a person has agreed to leave it behind is carried, as it is by then", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("team/web"), policyValue("team/web", { order: 1 }));
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "pre-copy");
    const asked = await approve(world, worker, runId, "pre-copy");
    assert.equal(asked.run.waiting?.subject, "uncarried", JSON.stringify(asked.run.failure));
    await world.kubernetes.create(NAMESPACES, namespace("team"));
    world.etcd.put(policyKey("team/web"), policyValue("team/web", { order: 2 }));

    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");

    assert.match(world.kubernetes.dump()[POLICY] ?? "", /"order":2/);
  });

  test("is deleted between preflight and the copy is left behind with consent, and the run goes on", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("team/web"), policyValue("team/web"));
    await world.kubernetes.create(NAMESPACES, namespace("team"));
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "pre-copy");
    await world.kubernetes.delete({ ...NAMESPACES, name: "team" });

    const { run } = await approve(world, worker, runId, "pre-copy");

    assert.equal(run.waiting?.subject, "uncarried", JSON.stringify(run.failure));
    assert.match(run.waiting.message, /team\/web \(Kubernetes has no namespace "team", or is deleting it\)/);
    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");
    assert.equal(world.kubernetes.dump()[POLICY], undefined);
  });

  test("goes and comes back is carried, and a rollback leaves no trace of it", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("team/web"), policyValue("team/web"));
    await world.kubernetes.create(NAMESPACES, namespace("team"));
    const before = sidesOf(world);
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "pre-copy");
    await world.kubernetes.delete({ ...NAMESPACES, name: "team" });
    await approve(world, worker, runId, "pre-copy");
    await world.kubernetes.create(NAMESPACES, namespace("team"));

    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");

    assert.ok(world.kubernetes.dump()[POLICY]);
    await rollBack(world, worker, runId);
    assert.deepEqual(Object.keys(world.kubernetes.dump()), Object.keys(before.kubernetes));
  });
});

/** Deletes the namespace `team`, with what is in it, and makes another one. */
async function replaceTeam(world: World): Promise<void> {
  await world.kubernetes.delete({ ...NAMESPACES, name: "team" });
  await world.kubernetes.create(NAMESPACES, namespace("team"));
}

async function teamWorld(): Promise<World> {
  const world = await World.create();
  world.etcd.put(policyKey("team/web"), policyValue("team/web"));
  await world.kubernetes.create(NAMESPACES, namespace("team"));
  return world;
}

async function stopped(world: World, stage: string): Promise<{ worker: Worker; runId: string }> {
  const worker = world.worker();
  return { worker, runId: await runUpTo(world, worker, stage) };
}

describe("a copy whose namespace", () => {
  for (const stage of ["verify-copy", "lock", "verify-changes", "verify-all", "verify-revisions", "unlock"]) {
    test(`is another one by ${stage} is made again`, async () => {
      using world = await teamWorld();
      const { worker, runId } = await stopped(world, stage);
      await replaceTeam(world);
      assert.equal(world.kubernetes.dump()[POLICY], undefined);

      assertState(await approve(world, worker, runId, stage), "Succeeded");

      assert.ok(world.kubernetes.dump()[POLICY]);
    });
  }

  test("is another one by the unlock is made again, wherever the worker dies that sees it", async () => {
    for (let writes = 1, dead = true; dead; writes++) {
      using world = await teamWorld();
      const { worker, runId } = await stopped(world, "unlock");
      await replaceTeam(world);
      await worker.engine.approve(runId, "test");
      worker.close();
      const life = new Life({ writes });
      const dying = world.worker(life);
      await world.drive(dying, runId);
      dead = life.dead;
      dying.close();
      world.clock.advance(60_000);
      const next = world.worker();
      await next.engine.wake(runId);

      assertState(await world.drive(next, runId), "Succeeded");

      assert.ok(world.kubernetes.dump()[POLICY], `killed after write ${writes}`);
      if (life.writes.length > MOST_WRITES) return;
    }
  });

  for (const stage of ["verify-changes", "verify-all", "verify-revisions", "unlock"]) {
    test(`is gone by ${stage} is left behind with a person's word`, async () => {
      using world = await teamWorld();
      const { worker, runId } = await stopped(world, stage);
      await world.kubernetes.delete({ ...NAMESPACES, name: "team" });

      const { run } = await approve(world, worker, runId, stage);

      assert.equal(run.waiting?.subject, "uncarried-late", JSON.stringify(run.failure));
      assert.match(run.waiting.message, /team\/web \(Kubernetes has no namespace "team", or is deleting it/);
      assertState(await approve(world, worker, runId, "uncarried-late"), "Succeeded");
      assert.equal(world.kubernetes.dump()[POLICY], undefined);
    });
  }

  test("is gone before the lock is asked about there, while pods still start", async () => {
    using world = await teamWorld();
    const { worker, runId } = await stopped(world, "verify-copy");
    await world.kubernetes.delete({ ...NAMESPACES, name: "team" });

    const { run } = await approve(world, worker, runId, "verify-copy");

    assert.equal(run.waiting?.subject, "uncarried", JSON.stringify(run.failure));
    assert.equal(run.lock, undefined);
    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");
  });

  test("came only after preflight, and is another one since, is made again", async () => {
    using world = await World.create();
    const { worker, runId } = await stopped(world, "catch-up");
    await world.kubernetes.create(NAMESPACES, namespace("team"));
    world.etcd.put(policyKey("team/web"), policyValue("team/web"));
    await worker.engine.approve(runId, "test", "catch-up");
    await world.drive(worker, runId, ({ stage }) => stage === "verify-all");
    assert.ok(world.kubernetes.dump()[POLICY]);
    await replaceTeam(world);

    assertState(await world.drive(worker, runId), "Succeeded");

    assert.ok(world.kubernetes.dump()[POLICY]);
  });
});

test("a new policy for a namespace that is not there is asked about inside the lock, and fails nothing", async () => {
  using world = await World.create();
  const { worker, runId } = await stopped(world, "catch-up");
  world.etcd.put(policyKey("team/web"), policyValue("team/web"));

  const { run } = await approve(world, worker, runId, "catch-up");

  assert.equal(run.waiting?.subject, "uncarried-late", JSON.stringify(run.failure));
  assertState(await approve(world, worker, runId, "uncarried-late"), "Succeeded");
});

test("the annotations of a Node that is another one are written again", async () => {
  using world = await World.create();
  const { worker, runId } = await stopped(world, "verify-all");
  const ref = { apiVersion: "v1", plural: "nodes", name: "node-b" };
  await world.kubernetes.delete(ref);
  await world.kubernetes.create(ref, { apiVersion: "v1", kind: "Node", metadata: { name: "node-b" } });

  assertState(await approve(world, worker, runId, "verify-all"), "Succeeded");

  assert.match(world.kubernetes.dump()["v1/nodes/node-b"] ?? "", /192\.0\.2\.11/);
});

describe("what is edited into something that cannot be carried", () => {
  for (const stage of ["catch-up", "verify-revisions"]) {
    test(`by ${stage} loses its copy, which a person is told`, async () => {
      using world = await World.create();
      const key = resourceKey("nodes", "node-b");
      const { worker, runId } = await stopped(world, stage);
      const copied = world.kubernetes.dump()["v1/nodes/node-b"] ?? "";
      assert.match(copied, /192\.0\.2\.11/);
      world.etcd.put(
        key,
        JSON.stringify(resource("Node", "node-b", { bgp: { ipv4Address: "192.0.2.11/24" } })),
      );

      const { run } = await approve(world, worker, runId, stage);

      assert.equal(run.waiting?.subject, "uncarried-late", JSON.stringify(run.failure));
      assert.match(run.waiting.message, /what was copied of it is deleted in the target/);
      assertState(await approve(world, worker, runId, "uncarried-late"), "Succeeded");
      assert.doesNotMatch(world.kubernetes.dump()["v1/nodes/node-b"] ?? "", /192\.0\.2\.11/);
    });
  }
});
