import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { objectAt } from "../../../kubernetes/fields.ts";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { changed } from "../../testing/dumps.ts";
import { foundVariables, withFoundVariables, withNativeGroup } from "../api-group.ts";
import { OPERATOR_WEBHOOK } from "../operator-webhook.ts";
import { NAMESPACE, OWNER, workload } from "../testing/cluster.ts";
import { collectGarbage } from "../testing/garbage-collector.ts";
import { putApiServiceBack } from "../testing/rivals.ts";
import { outerStages } from "../testing/stages.ts";
import { askLateChanges } from "../undo/late-changes.ts";
import { rollBack, runTo, startRun, World } from "../testing/world.ts";

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
    { beforeUndo: [askLateChanges] },
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

/** What the operator does as long as it runs. */
async function operatorWorks(world: World): Promise<void> {
  if ((await replicasOf(world)) === 0) return;
  if (await isTold(world, OPERATOR)) return operatorSwitches(world);
  for (const ref of USERS) {
    const workload = await world.cluster.get(ref);
    const names = Object.keys(foundVariables(workload));
    const patch = withFoundVariables(workload, Object.fromEntries(names.map((name) => [name, null])));
    if (patch !== undefined) await world.cluster.patch(ref, patch, { type: "merge" });
  }
  await putApiServiceBack(world.cluster);
}

/** Something that is not Calico's, and belongs to an object of Calico. */
async function createOwned({ cluster }: World, uid: string): Promise<void> {
  const owner = { apiVersion: "projectcalico.org/v3", kind: "GlobalNetworkSet", name: OWNER.name, uid };
  const metadata = { name: "owned", namespace: "shop", ownerReferences: [owner] };
  const configMaps = { apiVersion: "v1", plural: "configmaps", namespace: "shop" };
  await cluster.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata });
}

function isWebhook(path: string): boolean {
  return path.includes(OPERATOR_WEBHOOK.name);
}

async function replicasOf(world: World): Promise<unknown> {
  return objectAt(await world.cluster.get(OPERATOR), "spec")["replicas"];
}

suite("an operator that installs Calico", () => {
  test("is stopped while it would put the APIService back, and runs again after the switch", async () => {
    using world = await withOperator();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "remove-apiservice" });
    assert.equal(await replicasOf(world), 0);
    await worker.engine.approve(runId, "test", "remove-apiservice");
    await world.drive(worker, runId, ({ stage, waiting }) => stage === "rollout" && waiting !== undefined);
    assert.equal(await replicasOf(world), 1);
  });

  test("is waited for until it has ended", async () => {
    using world = await withOperator();
    await world.cluster.patch(OPERATOR, { status: { replicas: 1 } }, { type: "merge" });
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    assert.deepEqual(
      [run.stage, run.waiting?.message],
      ["remove-apiservice", "the operator is being stopped: 1 pods of it are left"],
    );
    await world.cluster.patch(OPERATOR, { status: { replicas: 0 } }, { type: "merge" });
    const after = await world.drive(worker, runId, ({ stage }) => stage === "rollout");
    assert.equal(after.run.failure, undefined);
  });

  test("runs again when the run is undone before its switch", async () => {
    using world = await withOperator();
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "switch" });
    await rollBack(world, worker, runId);
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });

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

  test("runs on, and owners stay on, while a run that is undone is asked or would be refused", async () => {
    using world = await withOperator();
    const { metadata } = await world.cluster.get({ ...OWNER, apiVersion: "projectcalico.org/v3" });
    await createOwned(world, (metadata as { uid: string }).uid);
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId, ({ stage, waiting }) => stage === "rollout" && waiting !== undefined);
    await world.cluster.create(OPERATOR_WEBHOOK, { metadata: { name: OPERATOR_WEBHOOK.name } });
    await world.cluster.patch(
      { ...OWNER, apiVersion: "projectcalico.org/v3" },
      { spec: { nets: ["10.1.0.0/16"] } },
      { type: "merge" },
    );
    const before = world.cluster.dump();
    world.cluster.hooks.dryRun = (write, object) => {
      if (!/tigera-operator|configmaps|validatingwebhook/.test(write)) return object;
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", write, { next: "", status: 403 });
    };

    await worker.engine.undo(runId, "rollback");
    const refused = (await world.drive(worker, runId)).run.failure;

    assert.equal(refused?.code, "REHEARSAL_FAILED");
    const named = refused.message;
    for (const write of ["stop", "start", "switch back"])
      assert.match(named, new RegExp(`${write} deployments/tigera-operator`));
    assert.match(named, /take owner references off configmaps shop\/owned/);
    assert.match(named, /delete validatingwebhookconfigurations api\.projectcalico\.org/);
    assert.deepEqual(changed(before, world.cluster.dump()), []);

    world.cluster.hooks.dryRun = undefined;
    await worker.engine.resume(runId);
    const { run } = await world.drive(worker, runId);
    assert.deepEqual([run.waiting?.subject, run.waiting?.count], ["late-changes", 1]);
    assert.deepEqual(changed(before, world.cluster.dump()), []);

    await worker.engine.approve(runId, "test");
    assert.equal((await world.drive(worker, runId)).run.state, "RolledBack");
  });

  /** Somebody changes a native object as often as the way back stops the operator, at most so many times. */
  function changedAsItIsStopped(world: World, times: number): void {
    let count = 0;
    world.meanwhile.after.push(async (write) => {
      const isStopped = /^patch .*tigera-operator$/.test(write) && (await replicasOf(world)) === 0;
      if (!isStopped || count >= times) return;
      const spec = { nets: [`10.${++count}.0.0/16`] };
      await world.cluster.patch(
        { ...OWNER, apiVersion: "projectcalico.org/v3" },
        { spec },
        { type: "merge" },
      );
    });
  }

  test("runs on while a run that is undone asks again, and is stopped once more, without its webhook, for the lock", async () => {
    using world = await withOperator();
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId, ({ stage, waiting }) => stage === "rollout" && waiting !== undefined);
    changedAsItIsStopped(world, 1);
    await worker.engine.undo(runId, "rollback");

    const asked = (await world.drive(worker, runId)).run;

    assert.deepEqual([asked.stage, asked.waiting?.subject], ["confirm-late-changes", "late-changes"]);
    assert.doesNotMatch(asked.waiting?.message ?? "", /OPERATOR/);
    const state = async (): Promise<unknown[]> => [await replicasOf(world), await isTold(world, OPERATOR)];
    assert.deepEqual(await state(), [1, true]);
    // Once it runs, it brings its webhook again.
    await world.cluster.create(OPERATOR_WEBHOOK, { metadata: { name: OPERATOR_WEBHOOK.name } });
    const before = world.cluster.dump();
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "late-changes");
    assert.deepEqual(
      changed(before, world.cluster.dump()),
      [],
      "nothing is stopped for what nobody has approved",
    );

    const atLock: unknown[] = [];
    world.meanwhile.before.push(async (write) => {
      if (!/projectcalico\.org\/v3\/clusterinformations/.test(write)) return;
      atLock.push([await replicasOf(world), Object.keys(world.cluster.dump()).some(isWebhook)]);
    });
    await worker.engine.approve(runId, "test");
    assert.equal((await world.drive(worker, runId)).run.state, "RolledBack");
    assert.deepEqual(atLock[0], [0, false]);
    assert.deepEqual(await state(), [1, false]);
  });

  test("is let run again where the way back would be refused by then", async () => {
    using world = await withOperator();
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId, ({ stage, waiting }) => stage === "rollout" && waiting !== undefined);
    world.meanwhile.after.push((write) => {
      if (!/^patch .*tigera-operator$/.test(write)) return Promise.resolve();
      world.cluster.hooks.dryRun = (tried, object) => {
        if (!tried.includes("apiservices")) return object;
        throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", tried, { next: "", status: 403 });
      };
      return Promise.resolve();
    });
    await worker.engine.undo(runId, "rollback");

    const { run } = await world.drive(worker, runId);

    assert.deepEqual([run.stage, run.failure?.code], ["confirm-late-changes", "REHEARSAL_FAILED"]);
    assert.equal(await replicasOf(world), 1);
  });

  test("that is not told the native group yet stays stopped while people decide, which is said", async () => {
    using world = await withOperator();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "switch-operator" });
    const ref = { ...OWNER, apiVersion: "projectcalico.org/v3" };
    await world.cluster.patch(ref, { spec: { nets: ["10.1.0.0/16"] } }, { type: "merge" });
    await worker.engine.undo(runId, "rollback");

    const { run } = await world.drive(worker, runId);

    assert.deepEqual([run.stage, run.waiting?.subject], ["ask-late-changes", "late-changes"]);
    assert.match(
      run.waiting?.message ?? "",
      /; THE OPERATOR IS STOPPED meanwhile, as it would put the APIServ/,
    );
    assert.equal(await replicasOf(world), 0);
    await worker.engine.approve(runId, "test");
    assert.equal((await world.drive(worker, runId)).run.state, "RolledBack");
    assert.equal(await replicasOf(world), 1);
  });

  for (const [what, isThere] of [
    ["takes its webhooks along", false],
    ["keeps webhooks that were there before", true],
  ] as const) {
    test(`${what} when the run is undone`, async () => {
      using world = await withOperator();
      const configuration = { metadata: { name: OPERATOR_WEBHOOK.name } };
      if (isThere) await world.cluster.create(OPERATOR_WEBHOOK, configuration);
      const worker = world.worker();
      const runId = await startRun(worker);
      await world.drive(worker, runId, ({ stage, waiting }) => stage === "rollout" && waiting !== undefined);
      if (!isThere) await world.cluster.create(OPERATOR_WEBHOOK, configuration);
      await rollBack(world, worker, runId);
      const left = Object.keys(world.cluster.dump()).filter((path) => path.includes(OPERATOR_WEBHOOK.name));
      assert.equal(left.length, isThere ? 1 : 0);
    });
  }

  for (const replicas of [1, 0])
    test(`that somebody starts again inside the lock, of ${replicas} replicas before, is stopped again, and costs nobody what belongs to native objects`, () =>
      startedInTheLock(replicas));

  async function startedInTheLock(replicas: number): Promise<void> {
    using world = await withOperator();
    await world.cluster.patch(OPERATOR, { spec: { replicas } }, { type: "merge" });
    const { metadata } = await world.cluster.get({ ...OWNER, apiVersion: "projectcalico.org/v3" });
    await createOwned(world, (metadata as { uid: string }).uid);
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "unlock", approvals: ["unlock"] });
    await world.cluster.patch(OPERATOR, { spec: { replicas: 1 } }, { type: "merge" });
    const put: unknown[] = [];
    world.meanwhile.after.push(async (write) => {
      if (write.includes("configmaps")) put.push(await replicasOf(world));
      await operatorWorks(world);
      await collectGarbage(world.cluster);
    });
    await operatorWorks(world);
    await worker.engine.approve(runId, "test", "unlock");
    const { run } = await world.drive(worker, runId);
    assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
    assert.deepEqual(put, [0]);
    assert.ok(world.cluster.dump()["v1/configmaps/shop/owned"], "it is there after the unlock");
    assert.deepEqual([await replicasOf(world), await isTold(world, OPERATOR)], [1, true]);
  }

  test("that had no replicas has none after the way back either", async () => {
    using world = await withOperator();
    await world.cluster.patch(OPERATOR, { spec: { replicas: 0 } }, { type: "merge" });
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "switch" });
    await rollBack(world, worker, runId);
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });

  test("that puts the APIService back when it is told the old group costs nobody what belongs to native objects", async () => {
    using world = await withOperator();
    const { metadata } = await world.cluster.get({ ...OWNER, apiVersion: "projectcalico.org/v3" });
    await createOwned(world, (metadata as { uid: string }).uid);
    const before = world.cluster.dump();
    world.meanwhile.after.push(async () => {
      await operatorWorks(world);
      await collectGarbage(world.cluster);
    });
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "cleanup", approvals: ["unlock"] });
    assert.ok(world.cluster.dump()["v1/configmaps/shop/owned"], "it is there after the switch");
    await rollBack(world, worker, runId);
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });
});
