import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Conflict, conflictsOf } from "../../engine/conflicts.ts";
import type { ResolutionUse } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { forward } from "../../calico/forward.ts";
import { NodeNames } from "../../calico/node-names.ts";
import { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import { compareRun } from "./compare-sides.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, runUpTo } from "./testing/steps.ts";
import { type Described, startRun, type Worker, World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const REF = { apiVersion: V1, plural: "networkpolicies", namespace: "shop", name: "a" };
const HELD = { metadata: { finalizers: ["example.com/hold"] } };

/** Deletes the policy, which a finalizer of others holds. */
async function deleteHeld({ kubernetes }: World): Promise<void> {
  await kubernetes.patch(REF, HELD, { type: "merge" });
  await kubernetes.delete(REF);
}

function letGo({ kubernetes }: World): Promise<unknown> {
  return kubernetes.patch(REF, { metadata: { finalizers: null } }, { type: "merge" });
}

function conflicts({ embedded }: Worker, runId: string): Promise<Conflict[]> {
  return Array.fromAsync(conflictsOf(embedded.store, runId));
}

async function decide(world: World, worker: Worker, runId: string, use: ResolutionUse): Promise<Described> {
  const requests = (await conflicts(worker, runId)).map(({ key, seen }) => ({ key, seen, use }));
  await worker.engine.resolve(runId, "ann", requests);
  return world.drive(worker, runId);
}

describe("an object of the target that is being deleted, in the place of a copy", () => {
  /** A run that finds a policy that means what the copy is to mean, and will be gone. */
  async function inTheWay(world: World, worker: Worker): Promise<string> {
    const value = policyValue("shop/a");
    world.etcd.put(policyKey("shop/a"), value);
    const runId = await runUpTo(world, worker, "pre-copy");
    const to = { targetGroup: V1, nodeNames: NodeNames.from([]) } as const;
    const carried = forward(policyKey("shop/a"), Buffer.from(value), to);
    assert.ok(carried.outcome === "carry");
    const metadata = { ...carried.object.metadata, ...HELD.metadata };
    await world.kubernetes.create(REF, { ...carried.object, metadata });
    await world.kubernetes.delete(REF);
    const { run } = await approve(world, worker, runId, "pre-copy");
    assert.equal(run.waiting?.reason, "Conflict", JSON.stringify([run.stage, run.failure]));
    assert.match(
      run.waiting.message,
      /shop\/a \(it is being deleted, and held by example\.com\/hold: it is copied once that is gone\)/,
    );
    return runId;
  }

  test("is not taken for the copy: that is made as soon as the object is gone", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inTheWay(world, worker);
    const { uid } = objectAt(await world.kubernetes.get(REF), "metadata");
    await letGo(world);

    assertState(
      await world.drive(worker, runId, ({ state }) => state !== "Waiting" && state !== "Running"),
      "Succeeded",
    );

    const metadata = objectAt(await world.kubernetes.get(REF), "metadata");
    assert.notEqual(metadata["uid"], uid);
    assert.equal("deletionTimestamp" in metadata, false);
  });

  for (const use of ["source", "target"] as const)
    test(`stays in the way, whoever decides for ${use}: nobody can keep it, or take it over`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await inTheWay(world, worker);
      const before = await world.kubernetes.get(REF);

      const { run } = await decide(world, worker, runId, use);

      assert.equal(run.waiting?.reason, "Conflict", JSON.stringify([run.stage, run.failure]));
      assert.deepEqual(await world.kubernetes.get(REF), before);
      await letGo(world);
      assertState(await resume(world, worker, runId), "Succeeded");
      assert.equal(textAt(await world.kubernetes.get(REF), "kind"), "NetworkPolicy");
    });

  test("lets its resource be left out", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await inTheWay(world, worker);
    assertState(await decide(world, worker, runId, "skip"), "Succeeded");
  });

  test("another decision, made while the object lived, is about another conflict", async () => {
    using world = await World.create();
    const worker = world.worker();
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a"));
    const runId = await runUpTo(world, worker, "pre-copy");
    const metadata = { name: "a", namespace: "shop", ...HELD.metadata };
    const theirs = { apiVersion: V1, kind: "NetworkPolicy", metadata, spec: { order: 1 } };
    await world.kubernetes.create(REF, theirs);
    await approve(world, worker, runId, "pre-copy");
    const [seen] = await conflicts(worker, runId);
    assert.ok(seen);
    await world.kubernetes.delete(REF);

    await worker.engine.resolve(runId, "ann", [{ key: seen.key, seen: seen.seen, use: "skip" }]);
    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.reason, "Conflict");
    assert.notEqual((await conflicts(worker, runId))[0]?.seen, seen.seen);
  });
});

describe("a resource of etcd whose value says that it is being deleted", () => {
  const leaving = (): string => {
    const value = JSON.parse(policyValue("shop/a")) as JsonObject;
    const deleted = { deletionTimestamp: "2026-12-01T00:00:00Z", ...HELD.metadata };
    return JSON.stringify({ ...value, metadata: { ...objectAt(value, "metadata"), ...deleted } });
  };
  const isCopied = async ({ kubernetes }: World): Promise<boolean> =>
    (await kubernetes.list({ ...REF, namespace: "shop" })).items.some(
      (object) => textAt(object, "metadata", "name") === "a",
    );

  test("is not copied as a living one, with consent, and is as it was in etcd after the way back", async () => {
    using world = await World.create();
    const worker = world.worker();
    const value = leaving();
    world.etcd.put(policyKey("shop/a"), value);

    const runId = await startRun(worker, { stopBefore: "unlock", approvals: ["switch"] });
    const { run } = await world.drive(worker, runId);
    assert.equal(run.waiting?.subject, "uncarried", JSON.stringify(run.failure));
    assert.match(
      run.waiting.message,
      /shop\/a.*it is being deleted since .*, and held by example\.com\/hold/,
    );
    await approve(world, worker, runId, "uncarried");
    assert.equal(await isCopied(world), false);

    await worker.engine.undo(runId, "rollback");
    assertState(await world.drive(worker, runId), "RolledBack");
    assert.equal(world.etcd.dump()[policyKey("shop/a")], value);
  });

  test("has its copy taken away where it is deleted after that was made, with consent", async () => {
    using world = await World.create();
    const worker = world.worker();
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a"));
    const runId = await runUpTo(world, worker, "follow", { approvals: ["switch", "unlock"] });
    assert.equal(await isCopied(world), true);
    world.etcd.put(policyKey("shop/a"), leaving());

    const asked = await approve(world, worker, runId, "follow");
    assert.equal(asked.run.waiting?.subject, "uncarried", JSON.stringify(asked.run.failure));
    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");
    assert.equal(await isCopied(world), false);
  });
});

describe("a copy that is being deleted", () => {
  async function copied(world: World, worker: Worker, stopBefore: string): Promise<string> {
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a"));
    return runUpTo(world, worker, stopBefore, { approvals: ["switch"] });
  }

  for (const stage of ["verify-copy", "verify-all", "unlock"])
    test(`is not there any more to ${stage}, which names it`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await copied(world, worker, stage);
      await deleteHeld(world);

      const { run } = await approve(world, worker, runId, stage);

      assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify([run.stage, run.waiting]));
      assert.match(run.failure.message, /shop\/a \(it is being deleted, and held by example\.com\/hold\)/);
    });

  test("is named by diff", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await copied(world, worker, "lock");
    await deleteHeld(world);
    const run = await worker.embedded.store.getRun(runId);
    assert.ok(run);
    const { etcd, kubernetes } = world;
    const connections = { kubernetes, limiter: new AdaptiveLimiter(), etcd: () => etcd, loadManifests: fail };

    const found = await Array.fromAsync(compareRun(worker.embedded, connections, run));

    assert.deepEqual(
      found.map(({ reason }) => reason),
      ["it is being deleted, and held by example.com/hold"],
    );
  });

  test("is made anew where nobody else has written to it: whoever attends to its finalizers does so in etcd", async () => {
    using world = await World.create(NATIVE);
    const worker = world.worker();
    const native = { ...REF, apiVersion: NATIVE };
    const put = (spec: JsonObject): void => {
      const value = JSON.parse(policyValue("shop/a", spec)) as JsonObject;
      const metadata = { ...objectAt(value, "metadata"), finalizers: ["example.com/own"] };
      world.etcd.put(policyKey("shop/a"), JSON.stringify({ ...value, metadata }));
    };
    put({});
    const runId = await runUpTo(world, worker, "follow", {
      approvals: ["switch", "unlock"],
      options: { targetGroup: NATIVE },
    });
    await world.kubernetes.delete(native);
    const held = await world.kubernetes.get(native);
    put({ order: 7 });

    assertState(await approve(world, worker, runId, "follow"), "Succeeded");

    const found = await world.kubernetes.get(native);
    assert.notEqual(textAt(found, "metadata", "uid"), textAt(held, "metadata", "uid"));
    assert.deepEqual(
      [objectAt(found, "spec")["order"], "deletionTimestamp" in objectAt(found, "metadata")],
      [7, false],
    );
  });
});

const fail = (): never => assert.fail("no manifest is needed");
