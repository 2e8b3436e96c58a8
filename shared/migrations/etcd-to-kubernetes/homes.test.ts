import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, rollBack, runUpTo } from "./testing/steps.ts";
import { sidesOf, World } from "./testing/world.ts";

const NAMESPACES = { apiVersion: "v1", plural: "namespaces" };
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
    assert.match(run.waiting.message, /team\/web \(Kubernetes has no namespace "team" any more\)/);
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
