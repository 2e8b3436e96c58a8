import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { withNativeGroup } from "../api-group.ts";
import { NAMESPACE, workload } from "../testing/cluster.ts";
import { outerStages } from "../testing/stages.ts";
import { runTo, startRun, World } from "../testing/world.ts";

const DEPLOYMENTS = { apiVersion: "apps/v1", plural: "deployments" };
const OPERATOR = { ...DEPLOYMENTS, namespace: "tigera-operator", name: "tigera-operator" };
const USERS = [
  { apiVersion: "apps/v1", plural: "daemonsets", namespace: NAMESPACE, name: "calico-node" },
  { ...DEPLOYMENTS, namespace: NAMESPACE, name: "calico-typha" },
  { ...DEPLOYMENTS, namespace: NAMESPACE, name: "calico-kube-controllers" },
];

async function withOperator(): Promise<World> {
  const world = await World.create(
    outerStages({ installer: "operator", operator: { namespace: OPERATOR.namespace } }),
  );
  await world.cluster.create(OPERATOR, workload("Deployment", OPERATOR.name, OPERATOR.namespace, true));
  return world;
}

async function isTold(world: World, ref: typeof OPERATOR): Promise<boolean> {
  return JSON.stringify(await world.cluster.get(ref)).includes("CALICO_API_GROUP");
}

/** What the operator does once it has restarted. */
async function operatorSwitches(world: World): Promise<void> {
  for (const ref of USERS) {
    const patch = withNativeGroup(await world.cluster.get(ref));
    if (patch !== undefined) await world.cluster.patch(ref, patch, { type: "merge" });
  }
}

suite("an operator that installs Calico", () => {
  test("is told to switch only once the native group is unlocked, and does the rest itself", async () => {
    using world = await withOperator();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "switch-operator" });
    assert.equal(await isTold(world, OPERATOR), false);
    for (const ref of USERS) assert.equal(await isTold(world, ref), false);
    assert.match(
      world.cluster.dump()["projectcalico.org/v3/clusterinformations/default"] ?? "",
      /"datastoreReady":true/,
    );

    await worker.engine.approve(runId, "test", "switch-operator");
    const { run } = await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    assert.equal(await isTold(world, OPERATOR), true);
    assert.match(run.waiting?.message ?? "", /not told to use the native group yet: daemonsets\/calico-node/);

    await operatorSwitches(world);
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
    assert.ok(
      await world.cluster.get({ ...DEPLOYMENTS, namespace: "calico-apiserver", name: "calico-apiserver" }),
    );
  });

  test("that does not switch in time stops the run, which says what it waits for", async () => {
    using world = await withOperator();
    const worker = world.worker();
    const runId = await startRun(worker, { options: { rolloutDeadlineMs: 60_000 } });
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "GATE_DEADLINE");
    assert.match(run.failure.message, /deployments\/calico-typha/);
  });

  test("is told what it was told before when the run is undone", async () => {
    using world = await withOperator();
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    await worker.engine.undo(runId, "rollback");
    assert.equal((await world.drive(worker, runId)).run.state, "RolledBack");
    assert.equal(await isTold(world, OPERATOR), false);
  });
});
