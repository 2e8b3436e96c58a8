import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, onceLocked, resume, rollBack, runUpTo } from "./testing/steps.ts";
import { startRun, World } from "./testing/world.ts";

const TARGET = "crd.projectcalico.org/v1/networkpolicies/shop";

function put(world: World, name: string, order?: number): void {
  world.etcd.put(
    policyKey(`shop/${name}`),
    policyValue(`shop/${name}`, order === undefined ? {} : { order }),
  );
}

function isCopied(world: World, name: string): boolean {
  return world.kubernetes.dump()[`${TARGET}/${name}`] !== undefined;
}

function isLocked(world: World): boolean {
  return readLock(world.etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "").ready === false;
}

/** The API server refuses a policy from now on, as an admission policy would. */
function forbid(world: World, name: string): () => void {
  world.kubernetes.hooks.before = (write) => {
    if (write === `create ${TARGET}/${name}`)
      throw new KubernetesApiError("KUBERNETES_INVALID", `${name} is forbidden`, { next: "", status: 422 });
  };
  return () => (world.kubernetes.hooks.before = undefined);
}

describe("what is written to etcd between the copy and the lock", () => {
  test("is copied before the lock, with what is deleted", async () => {
    using world = await World.create();
    put(world, "old");
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "follow");
    put(world, "new");
    world.etcd.delete(policyKey("shop/old"));
    world.etcd.compact();

    const { run } = await approve(world, worker, runId, "follow");

    assert.equal(run.state, "Succeeded", JSON.stringify([run.stage, run.waiting, run.failure]));
    assert.deepEqual([isCopied(world, "new"), isCopied(world, "old")], [true, false]);
  });

  for (const when of ["follow", "lock"]) {
    test(`stops the run before the lock where the target refuses it, at ${when}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await runUpTo(world, worker, when);
      const allow = forbid(world, "late");
      put(world, "late");

      const { run } = await approve(world, worker, runId, when);

      assert.deepEqual([run.stage, run.failure?.code], [when, "COPY_FAILED"]);
      assert.match(run.failure?.message ?? "", /networkpolicies\/shop\/late \(.*late is forbidden/);
      assert.deepEqual([isLocked(world), run.lock], [false, undefined]);
      allow();
      assertState(await resume(world, worker, runId), "Succeeded");
      assert.ok(isCopied(world, "late"));
    });

    test(`stops the run before the lock where it is broken, all of it named, at ${when}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await runUpTo(world, worker, when);
      for (const name of ["bad", "worse"]) world.etcd.put(policyKey(`shop/${name}`), "{not json");

      const { run } = await approve(world, worker, runId, when);

      assert.deepEqual([run.stage, run.failure?.code], [when, "CATCH_UP_BLOCKED"]);
      assert.match(run.failure?.message ?? "", /shop\/bad, .*shop\/worse/);
      assert.equal(isLocked(world), false);
      for (const name of ["bad", "worse"]) put(world, name);
      assertState(await resume(world, worker, runId), "Succeeded");
      assert.ok(isCopied(world, "bad") && isCopied(world, "worse"));
    });
  }

  test("is asked for at the lock where it cannot be carried, once", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "follow");
    world.etcd.put(policyKey("nowhere/late"), policyValue("nowhere/late"));

    const asked = await approve(world, worker, runId, "follow");

    assert.deepEqual([asked.run.stage, asked.run.waiting?.subject], ["lock", "uncarried"]);
    assert.match(asked.run.waiting?.message ?? "", /nowhere\/late/);
    assert.equal(isLocked(world), false);
    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");
  });

  test("is asked for before the lock where it came while a person approved that", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    world.etcd.put(policyKey("nowhere/late"), policyValue("nowhere/late"));

    const asked = await approve(world, worker, runId, "lock");

    assert.deepEqual([asked.run.stage, asked.run.waiting?.reason], ["lock", "Approval"]);
    assert.match(asked.run.waiting?.message ?? "", /nowhere\/late/);
    assert.equal(isLocked(world), false);
    assertState(await approve(world, worker, runId, asked.run.waiting?.subject ?? ""), "Succeeded");
  });

  test("keeps nobody from the lock who goes on writing", async () => {
    using world = await World.create();
    put(world, "busy", 0);
    const worker = world.worker();
    let order = 0;
    world.kubernetes.hooks.after = (write) => {
      if (!isLocked(world) && write === `replace ${TARGET}/busy`) put(world, "busy", ++order);
    };
    const runId = await runUpTo(world, worker, "follow");
    put(world, "busy", ++order);

    const { run } = await approve(world, worker, runId, "follow");

    assert.equal(run.state, "Succeeded", JSON.stringify([run.stage, run.waiting, run.failure]));
    assert.ok(order > 3, `${order} writes`);
    assert.match(world.kubernetes.dump()[`${TARGET}/busy`] ?? "", new RegExp(`"order":${order}`));
  });

  test("is taken away again by a rollback", async () => {
    using world = await World.create();
    const worker = world.worker();
    const before = world.kubernetes.dump();
    const runId = await runUpTo(world, worker, "follow");
    forbid(world, "late");
    for (const name of ["late", "new"]) put(world, name);
    const { run } = await approve(world, worker, runId, "follow");
    assert.deepEqual([run.failure?.code, isCopied(world, "new")], ["COPY_FAILED", true]);

    await rollBack(world, worker, runId);

    assert.deepEqual(world.kubernetes.dump(), before);
  });
});

test("catching up begins where following has ended", async () => {
  using world = await World.create();
  const worker = world.worker();
  const runId = await startRun(worker, { stopBefore: "lock" });
  await world.drive(worker, runId);
  const revision = (await world.etcd.status()).revision;
  const from: number[] = [];
  const changes = world.etcd.changes.bind(world.etcd);
  world.etcd.changes = (query) => {
    from.push(query.afterRevision);
    return changes(query);
  };
  onceLocked(world, () => {
    put(world, "later");
  });

  assertState(await approve(world, worker, runId, "lock"), "Succeeded");

  assert.ok(from.length > 0 && Math.min(...from) >= revision, from.join());
  assert.ok(isCopied(world, "later"));
});
