import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { etcdToKubernetes } from "./index.ts";
import type { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, rollBack, runUpTo } from "./testing/steps.ts";
import { changed } from "../testing/dumps.ts";
import { type Sides, sidesOf, startRun, type Worker, World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const TIERS = { apiVersion: V1, plural: "tiers" };
const NODES = { apiVersion: "v1", plural: "nodes" };

function policyRef(name: string): { apiVersion: string; plural: string; namespace: string; name: string } {
  return { apiVersion: V1, plural: "networkpolicies", namespace: "shop", name };
}

function tier(name: string, order: number): JsonObject {
  return { apiVersion: V1, kind: "Tier", metadata: { name }, spec: { order, defaultAction: "Deny" } };
}

async function finished(world: World, worker: Worker): Promise<string> {
  const runId = await startRun(worker);
  assertState(await world.drive(worker, runId), "Succeeded");
  return runId;
}

function assertUntouched(before: Sides, world: World): void {
  assert.deepEqual(changed(before.kubernetes, world.kubernetes.dump()), []);
  assert.deepEqual(changed(before.etcd, world.etcd.dump()), []);
}

/** An object as a person would write it again. */
async function asTemplate(kubernetes: FakeKubernetes, name: string, order: number): Promise<JsonObject> {
  const found = await kubernetes.get(policyRef(name));
  return { ...found, metadata: { name, namespace: "shop" }, spec: { ...objectAt(found, "spec"), order } };
}

describe("a rollback", () => {
  for (const { name } of etcdToKubernetes.stages) {
    test(`right before ${name} leaves both sides as they were`, async () => {
      using world = await World.create();
      const before = sidesOf(world);
      const worker = world.worker();
      const runId = await runUpTo(world, worker, name);

      await rollBack(world, worker, runId);

      assertUntouched(before, world);
    });
  }

  for (const group of ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const) {
    test(`of a finished run leaves both sides as they were (${group})`, async () => {
      using world = await World.create(group);
      const before = sidesOf(world);
      const worker = world.worker();

      await rollBack(world, worker, await finished(world, worker));

      assertUntouched(before, world);
    });
  }

  test("puts built-in tiers back as they were, and leaves those alone that only the target has", async () => {
    using world = await World.create();
    const spec = { order: 1_000_000, defaultAction: "Deny" };
    world.etcd.put(resourceKey("tiers", "default"), JSON.stringify(resource("Tier", "default", spec)));
    await world.kubernetes.create(TIERS, tier("default", 42));
    await world.kubernetes.create(TIERS, tier("kube-admin", 9));
    const before = sidesOf(world);
    const worker = world.worker();

    await rollBack(world, worker, await finished(world, worker));

    assertUntouched(before, world);
  });

  test("leaves an object alone that somebody else has put in the place of the copy", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a"));
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    const { metadata: _metadata, ...copy } = await world.kubernetes.get(policyRef("a"));
    const { annotations, labels } = objectAt(await world.kubernetes.get(policyRef("a")), "metadata");
    await world.kubernetes.delete(policyRef("a"));
    const metadata = { name: "a", namespace: "shop", annotations, labels };
    await world.kubernetes.create(policyRef("a"), { ...copy, metadata });
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a"));
    await approve(world, worker, runId, "lock");

    await rollBack(world, worker, runId);

    assert.ok(await world.kubernetes.get(policyRef("a")));
  });
});

describe("a late rollback", () => {
  test("carries what was created, changed, replaced and deleted since the unlock back into etcd", async () => {
    using world = await World.create();
    const { kubernetes } = world;
    for (const name of ["a", "b", "c"])
      world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`));
    const before = sidesOf(world);
    const worker = world.worker();
    const runId = await finished(world, worker);
    const found = await kubernetes.get(policyRef("a"));
    await kubernetes.replace(policyRef("a"), { ...found, spec: { ...objectAt(found, "spec"), order: 77 } });
    const replaced = await asTemplate(kubernetes, "b", 78);
    await kubernetes.delete(policyRef("b"));
    await kubernetes.create(policyRef("b"), replaced);
    await kubernetes.delete(policyRef("c"));
    await kubernetes.create(policyRef("n"), { ...replaced, metadata: { name: "n", namespace: "shop" } });

    await rollBack(world, worker, runId);

    const names = ["a", "b", "c", "n"];
    const etcd = world.etcd.dump();
    assert.deepEqual(
      changed(before.etcd, etcd),
      names.map((name) => policyKey(`shop/${name}`)),
    );
    const orders = names.map((name) => /"order":\d+/.exec(etcd[policyKey(`shop/${name}`)] ?? "")?.[0]);
    assert.deepEqual(orders, ['"order":77', '"order":78', undefined, '"order":78']);
    assert.deepEqual(changed(before.kubernetes, kubernetes.dump()), []);
  });

  test("makes no Node in etcd of a Kubernetes node on which Calico never ran", async () => {
    using world = await World.create();
    const metadata = { name: "control-plane", labels: { role: "control" } };
    await world.kubernetes.create(NODES, { apiVersion: "v1", kind: "Node", metadata });
    const before = sidesOf(world);
    const worker = world.worker();

    await rollBack(world, worker, await finished(world, worker));

    assertUntouched(before, world);
  });

  test("is refused while somebody else may be using etcd", async () => {
    using world = await World.create();
    const key = resourceKey("clusterinformations", "default");
    const original = world.etcd.dump()[key] ?? "";
    const worker = world.worker();
    const runId = await finished(world, worker);
    world.etcd.put(key, original);

    await worker.engine.undo(runId, "rollback");
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "SOURCE_UNLOCKED");
    assert.equal(world.etcd.dump()[key], original);
  });
});

describe("a pause", () => {
  test("right after a resume holds the run, until it is resumed again", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await startRun(worker);
    await worker.engine.resume(runId);
    await worker.engine.pause(runId);

    const { run } = await world.drive(worker, runId);

    assert.equal(run.waiting?.reason, "Paused");
    assertState(await resume(world, worker, runId), "Succeeded");
  });
});

describe("a conflict", () => {
  test("waits for a person, and a resume goes on once the object is gone", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a"));
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "pre-copy");
    const theirs = { apiVersion: V1, kind: "NetworkPolicy", metadata: { name: "a" }, spec: { order: 1 } };
    await world.kubernetes.create(policyRef("a"), theirs);

    const { run } = await approve(world, worker, runId, "pre-copy");
    await world.kubernetes.delete(policyRef("a"));

    assert.equal(run.waiting?.reason, "Conflict");
    assert.match(run.waiting.message, /networkpolicies\/shop\/a/);
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("is left as it is by a rollback", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("shop/a"), policyValue("shop/a"));
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "pre-copy");
    const theirs = { apiVersion: V1, kind: "NetworkPolicy", metadata: { name: "a" }, spec: { order: 1 } };
    await world.kubernetes.create(policyRef("a"), theirs);
    const before = sidesOf(world);
    await approve(world, worker, runId, "pre-copy");

    await rollBack(world, worker, runId);

    assert.deepEqual(
      changed(before.kubernetes, world.kubernetes.dump()).filter(
        (path) => !path.includes("clusterinformation"),
      ),
      [],
    );
  });
});
