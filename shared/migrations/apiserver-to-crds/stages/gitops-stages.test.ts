import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../json.ts";
import { outerStages } from "../testing/stages.ts";
import { rollBack, runTo, startRun, World } from "../testing/world.ts";

const APPLICATIONS = { apiVersion: "argoproj.io/v1alpha1", plural: "applications", namespace: "shop" };
const PATH = "argoproj.io/v1alpha1/applications/shop/calico";

async function withApplication(status: JsonObject = {}): Promise<World> {
  const world = await World.create(outerStages());
  const resources = [
    { group: "projectcalico.org", version: "v3", kind: "IPPool", name: "default-ipv4-ippool" },
  ];
  await world.cluster.create(APPLICATIONS, {
    apiVersion: APPLICATIONS.apiVersion,
    kind: "Application",
    metadata: { name: "calico", namespace: "shop" },
    spec: { destination: { name: "in-cluster" }, syncPolicy: { automated: { selfHeal: true } } },
    status: { resources, ...status },
  });
  return world;
}

function isPaused(world: World): boolean {
  return !/"selfHeal":true/.test(world.cluster.dump()[PATH] ?? "");
}

suite("a GitOps tool that manages Calico", () => {
  test("is paused while the run changes anything, and put back at the end", async () => {
    using world = await withApplication();
    const before = world.cluster.dump()[PATH];
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "backup" });
    assert.equal(isPaused(world), true);
    await worker.engine.approve(runId, "test", "backup");
    await world.drive(worker, runId);
    assert.equal(world.cluster.dump()[PATH], before);
  });

  test("is put back when the run is undone", async () => {
    using world = await withApplication();
    const before = world.cluster.dump();
    const worker = world.worker();
    await rollBack(world, worker, await runTo(world, worker, { stopBefore: "unlock", approvals: [] }));
    assert.deepEqual(world.cluster.dump(), before);
  });

  test("is waited for until it has finished what it had begun", async () => {
    using world = await withApplication({ operationState: { phase: "Running" } });
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    assert.match(run.waiting?.message ?? "", /Application shop\/calico: a sync is under way/);
    const patch = { status: { operationState: { phase: "Succeeded" } } };
    await world.cluster.patch({ ...APPLICATIONS, name: "calico" }, patch, { type: "merge" });
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });

  test("that does not come to rest stops the run; a resume grants the time once more, and goes on once it rests", async () => {
    using world = await withApplication({ operationState: { phase: "Running" } });
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "GITOPS_BUSY");
    assert.match(run.failure.next, /then `resume`/);
    await worker.engine.resume(runId);
    const again = await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    assert.match(again.run.waiting?.message ?? "", /a sync is under way/);
    const patch = { status: { operationState: { phase: "Succeeded" } } };
    await world.cluster.patch({ ...APPLICATIONS, name: "calico" }, patch, { type: "merge" });
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });

  test("stops the run with gitops=refuse, and is not touched with gitops=ignore", async () => {
    using refusing = await withApplication();
    const worker = refusing.worker();
    const { run } = await refusing.drive(worker, await startRun(worker, { options: { gitops: "refuse" } }));
    assert.equal(run.failure?.code, "GITOPS_MANAGES_CALICO");
    assert.match(
      run.failure.next,
      /^Undo this run with `rollback`\. Then .* start again with --gitops=ignore, or .* --gitops=pause/,
    );
    assert.equal(isPaused(refusing), false);
    await worker.engine.undo(run.runId, "rollback");
    await refusing.drive(worker, run.runId);
    await runTo(refusing, worker, { options: { gitops: "pause" } });

    using ignoring = await withApplication();
    await runTo(ignoring, ignoring.worker(), { options: { gitops: "ignore" }, stopBefore: "backup" });
    assert.equal(isPaused(ignoring), false);
  });
});
