import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Conflict, conflictsOf } from "../../engine/conflicts.ts";
import type { ResolutionUse } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { approve, assertState, rollBack, runUpTo } from "./testing/steps.ts";
import { Life } from "../testing/life.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { type Described, type Worker, World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const PATH = `${V1}/networkpolicies/shop/a`;
const KEY = "NetworkPolicy/shop/a";

function policyRef(name: string): ObjectRef {
  return { apiVersion: V1, plural: "networkpolicies", namespace: "shop", name };
}

function theirs(name: string, order: number): JsonObject {
  return { apiVersion: V1, kind: "NetworkPolicy", metadata: { name, namespace: "shop" }, spec: { order } };
}

/** A run that waits because the target holds other policies with these names. */
async function inConflict(world: World, worker: Worker, names: string): Promise<string> {
  for (const name of names) world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`));
  const runId = await runUpTo(world, worker, "pre-copy");
  for (const name of names) await world.kubernetes.create(policyRef(name), theirs(name, 1));
  const { run } = await approve(world, worker, runId, "pre-copy");
  assert.equal(run.waiting?.reason, "Conflict");
  return runId;
}

function conflicts({ embedded }: Worker, runId: string): Promise<Conflict[]> {
  return Array.fromAsync(conflictsOf(embedded.store, runId));
}

/** Decides about conflicts as they are listed now. */
async function resolve(worker: Worker, runId: string, use: ResolutionUse): Promise<void> {
  const requests = (await conflicts(worker, runId)).map(({ key, seen }) => ({ key, seen, use }));
  await worker.engine.resolve(runId, "ann", requests);
}

/** Decides, and lets the run go on. */
async function decide(world: World, worker: Worker, runId: string, use: ResolutionUse): Promise<Described> {
  await resolve(worker, runId, use);
  return world.drive(worker, runId);
}

async function specOf(world: World, name = "a"): Promise<JsonObject> {
  return objectAt(await world.kubernetes.get(policyRef(name)), "spec");
}

async function edit(world: World, order: number, name = "a"): Promise<void> {
  await world.kubernetes.patch(policyRef(name), { spec: { order } }, { type: "merge" });
}

async function reportOf({ embedded }: Worker, runId: string): Promise<{ conflicts: unknown }> {
  const chunks = await Array.fromAsync(embedded.artifacts.read(`runs/${runId}/report.json`));
  return JSON.parse(Buffer.concat(chunks).toString()) as { conflicts: unknown };
}

describe("conflicts", () => {
  test("are listed with where both sides differ", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inConflict(world, worker, "ab");

    const found = await conflicts(worker, runId);

    assert.deepEqual(
      found.map(({ key, kind, target }) => [key, kind, target]),
      ["a", "b"].map((name) => [
        `NetworkPolicy/shop/${name}`,
        "NetworkPolicy",
        `${V1}/networkpolicies/shop/${name}`,
      ]),
    );
    const orders = found[0]?.differences.find(({ path }) => path === "spec.order");
    assert.deepEqual(orders, { path: "spec.order", target: "1" });
  });

  for (const [use, order] of [
    ["source", undefined],
    ["target", 1],
    ["skip", 1],
  ] as const) {
    test(`decided for ${use} let the run succeed, and stand in its report`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await inConflict(world, worker, "a");

      assertState(await decide(world, worker, runId, use), "Succeeded");

      assert.equal((await specOf(world))["order"], order);
      assert.deepEqual(await conflicts(worker, runId), []);
      assert.deepEqual((await reportOf(worker, runId)).conflicts, [{ target: PATH, use, by: "ann" }]);
    });

    test(`decided for ${use} are undone to what was there, on both sides`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await inConflict(world, worker, "a");
      const etcd = world.etcd.dump()[policyKey("shop/a")];
      const kubernetes = world.kubernetes.dump()[PATH];
      await decide(world, worker, runId, use);

      await rollBack(world, worker, runId);

      assert.equal(world.kubernetes.dump()[PATH], kubernetes);
      assert.equal(world.etcd.dump()[policyKey("shop/a")], etcd);
    });
  }

  test("of a kind are decided at once, those alone that were seen", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inConflict(world, worker, "ab");
    const found = await conflicts(worker, runId);
    const seenUpTo = Math.max(...found.map(({ since }) => since));
    world.clock.advance(1_000);
    await edit(world, 7, "b");

    await worker.engine.resolve(runId, "ann", [{ kind: "NetworkPolicy", seenUpTo, use: "source" }]);
    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.reason, "Conflict");
    assert.deepEqual(
      [(await specOf(world, "a"))["order"], (await specOf(world, "b"))["order"]],
      [undefined, 7],
    );
    assert.deepEqual(
      (await conflicts(worker, runId)).map(({ key }) => key),
      ["NetworkPolicy/shop/b"],
    );
  });

  for (const use of ["source", "target"] as const) {
    test(`that changed after they were seen are not settled by a decision for ${use}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await inConflict(world, worker, "a");
      const [seen] = await conflicts(worker, runId);
      await edit(world, 7);

      await worker.engine.resolve(runId, "ann", [{ key: KEY, seen: seen?.seen ?? "", use }]);
      const { run } = await world.drive(worker, runId);

      assert.equal(run.waiting?.reason, "Conflict");
      assert.equal((await specOf(world))["order"], 7);
      assertState(await decide(world, worker, runId, use), "Succeeded");
      assert.equal((await specOf(world))["order"], use === "source" ? undefined : 7);
    });
  }
});

describe("conflicts that a person settles in the target", () => {
  test("by deleting the object let the run go on by itself", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inConflict(world, worker, "a");
    await world.kubernetes.delete(policyRef("a"));

    await world.drive(worker, runId, ({ state }) => state !== "Waiting");

    assertState(await world.drive(worker, runId), "Succeeded");
    assert.equal((await specOf(world))["order"], undefined);
  });

  test("are looked at now and then, without anything being written, until then", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inConflict(world, worker, "ab");
    const { stages } = await world.describe(worker, runId);
    let looks = 0;
    const before = worker.life.writes.length;

    const { run, ...after } = await world.drive(worker, runId, () => ++looks > 60);

    assert.equal(run.waiting?.reason, "Conflict");
    assert.equal(after.stages.at(-1)?.batches, stages.at(-1)?.batches);
    const written = worker.life.writes.slice(before);
    assert.deepEqual(
      written.filter((name) => ["create", "replace", "patch", "delete", "putCheckpoints"].includes(name)),
      [],
    );
    assert(written.includes("saveRun"), "it was looked at");
  });
});

describe("after a decision", () => {
  /** A run that has copied everything, `a` as decided, and not yet caught up. */
  async function decided(world: World, worker: Worker, use: ResolutionUse): Promise<string> {
    const runId = await inConflict(world, worker, "a");
    await resolve(worker, runId, use);
    const { run } = await world.drive(worker, runId, ({ stage }) => stage === "verify-copy");
    assert.equal(run.stage, "verify-copy");
    return runId;
  }

  test("for the source, what changes there later is brought over as well", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await decided(world, worker, "source");
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a", { order: 5 }));

    assertState(await world.drive(worker, runId), "Succeeded");

    assert.equal((await specOf(world))["order"], 5);
  });

  test("for the source, a later edit of the target is a conflict again, and stays", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await decided(world, worker, "source");
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a", { order: 5 }));
    await edit(world, 7);

    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.reason, "Conflict");
    assert.equal((await specOf(world))["order"], 7);
    assertState(await decide(world, worker, runId, "source"), "Succeeded");
    assert.equal((await specOf(world))["order"], 5);
  });

  test("for the target, what changes in the source later is a conflict again", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await decided(world, worker, "target");
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a", { order: 5 }));

    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.reason, "Conflict");
    assertState(await decide(world, worker, runId, "target"), "Succeeded");
    assert.equal((await specOf(world))["order"], 1);
  });

  test("to skip, what changes in the source later is left out too", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await decided(world, worker, "skip");
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a", { order: 5 }));

    assertState(await world.drive(worker, runId), "Succeeded");

    assert.equal((await specOf(world))["order"], 1);
  });

  test("for the target, an edit after the switch is carried back by a rollback", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await decided(world, worker, "target");
    assertState(await world.drive(worker, runId), "Succeeded");
    await edit(world, 7);

    await rollBack(world, worker, runId);

    assert.match(world.etcd.dump()[policyKey("shop/a")] ?? "", /"order":7/);
  });
});

describe("a decision for the source", () => {
  test("whose write got no answer is carried out once, and undone to what was there", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inConflict(world, worker, "a");
    const before = world.kubernetes.dump()[PATH];
    let lost = 0;
    world.kubernetes.hooks.after = (write) => {
      if (write === `replace ${PATH}` && lost++ === 0) throw unanswered();
    };

    assertState(await decide(world, worker, runId, "source"), "Succeeded");

    assert.equal(lost, 2, "what was decided, and letting go of its fields");
    await rollBack(world, worker, runId);
    assert.equal(world.kubernetes.dump()[PATH], before);
  });

  test("is carried out whenever the worker dies, and undone to what was there", async () => {
    const spans = Array.from({ length: 24 }, (_, writes) => writes + 1);
    for (const writes of spans) {
      using world = await World.create();
      const first = world.worker();
      const runId = await inConflict(world, first, "a");
      const before = world.kubernetes.dump()[PATH];
      await resolve(first, runId, "source");
      first.close();
      const life = new Life({ writes });
      const second = world.worker(life);
      await world.drive(second, runId, ({ stage }) => stage === "verify-copy");
      second.close();
      world.clock.advance(60_000);
      const third = world.worker();
      await third.engine.wake(runId);
      const { run } = await world.drive(third, runId, ({ stage }) => stage === "verify-copy");
      assert.equal(run.failure, undefined, `after ${writes} writes`);
      assert.equal((await specOf(world))["order"], undefined, `after ${writes} writes`);

      await rollBack(world, third, runId);
      assert.equal(world.kubernetes.dump()[PATH], before, `after ${writes} writes: ${life.writes.join(" ")}`);
    }
  });

  test("that could not be carried out leaves a later edit alone when the run is undone", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inConflict(world, worker, "a");
    world.kubernetes.hooks.before = (write) => {
      if (write === `replace ${PATH}`) throw refused();
    };
    const { run } = await decide(world, worker, runId, "source");
    assert.equal(run.failure?.code, "COPY_FAILED");
    world.kubernetes.hooks.before = undefined;
    await edit(world, 7);

    await rollBack(world, worker, runId);

    assert.equal((await specOf(world))["order"], 7);
  });
});

function unanswered(): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_CONNECTION_LOST", "lost", { next: "", retryable: true });
}

function refused(): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_INVALID", "refused", { next: "", status: 422 });
}
