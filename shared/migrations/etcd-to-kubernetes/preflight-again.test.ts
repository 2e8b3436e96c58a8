import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { policyKey, policyValue } from "./testing/policies.ts";
import { assertState, resume } from "./testing/steps.ts";
import { changed } from "../testing/dumps.ts";
import { sidesOf, startRun, World } from "./testing/world.ts";

/** A run that preflight has refused; it has changed nothing. */
async function refused(world: World): Promise<{ runId: string; worker: ReturnType<World["worker"]> }> {
  const before = sidesOf(world);
  const worker = world.worker();
  const runId = await startRun(worker);
  const { run } = await world.drive(worker, runId);
  assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
  assert.deepEqual(changed(before.etcd, world.etcd.dump()), []);
  assert.deepEqual(changed(before.kubernetes, world.kubernetes.dump()), []);
  return { runId, worker };
}

describe("a resume after preflight has refused", () => {
  test("goes on once one of two colliding names is gone, whichever it is", async () => {
    for (const gone of ["shop/default.foo", "shop/foo"]) {
      using world = await World.create();
      for (const name of ["shop/default.foo", "shop/foo"]) world.etcd.put(policyKey(name), policyValue(name));
      const { runId, worker } = await refused(world);
      world.etcd.delete(policyKey(gone));

      assertState(await resume(world, worker, runId), "Succeeded");
    }
  });

  test("sees a namespace that was deleted meanwhile", async () => {
    using world = await World.create();
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } };
    await world.kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, namespace);
    world.etcd.put(policyKey("late/p"), policyValue("late/p"));
    world.etcd.put(policyKey("shop/bad"), "{");
    const { runId, worker } = await refused(world);
    world.etcd.put(policyKey("shop/bad"), policyValue("shop/bad"));
    await world.kubernetes.delete({ apiVersion: "v1", plural: "namespaces", name: "late" });

    const { run } = await resume(world, worker, runId);

    assert.equal(run.waiting?.subject, "uncarried", JSON.stringify(run.failure));
    assert.match(run.waiting.message, /networkpolicies\/late\/p/);
  });

  test("sees a namespace that was created meanwhile", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("late/p"), policyValue("late/p"));
    world.etcd.put(policyKey("shop/bad"), "{");
    const { runId, worker } = await refused(world);
    world.etcd.delete(policyKey("shop/bad"));
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } };
    await world.kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, namespace);

    assertState(await resume(world, worker, runId), "Succeeded");

    assert.ok(world.kubernetes.dump()["crd.projectcalico.org/v1/networkpolicies/late/p"]);
  });
});
