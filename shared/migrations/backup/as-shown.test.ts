import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import type { Worker } from "../testing/run-world.ts";
import {
  assertState,
  backUp,
  driveApproving,
  RestoreWorld,
  startRestore,
  wipeOldGroup,
} from "./testing/world.ts";

const OFFICE = { apiVersion: "crd.projectcalico.org/v1", plural: "globalnetworksets", name: "office" };

/** A restore, and of which backup. */
interface Restoring {
  worker: Worker;
  from: string;
  runId: string;
}

/** A restore that stops before a stage, and would write over `OFFICE`. */
async function overwriting(world: RestoreWorld, stopBefore: string): Promise<Restoring> {
  const worker = world.worker();
  const from = await backUp(world, worker);
  await write(world, ["192.0.2.0/24"]);
  const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore });
  assert.equal((await driveApproving(world, worker, runId)).run.waiting?.subject, stopBefore);
  return { worker, from, runId };
}

async function write({ cluster }: RestoreWorld, nets: string[]): Promise<void> {
  await cluster.patch(OFFICE, { spec: { nets } }, { type: "merge" });
}

/** What somebody has written since is there as before; started again, the restore shows that, and goes through. */
async function startsAgain(world: RestoreWorld, { worker, from, runId }: Restoring): Promise<void> {
  const { run } = await world.describe(worker, runId);
  assert.match(run.failure?.next ?? "", /`abort`.* and start it again/);
  await worker.engine.undo(runId, "abort");
  assertState(await driveApproving(world, worker, runId), "Aborted");
  assert.deepEqual((await world.cluster.get(OFFICE))["spec"], { nets: ["198.51.100.0/24"] });
  const again = await startRestore(worker, { from, side: "kubernetes" });
  assertState(await driveApproving(world, worker, again), "Succeeded");
}

describe("a restore", () => {
  test("writes over nothing that has changed since it was shown", async () => {
    using world = await RestoreWorld.create();
    const restoring = await overwriting(world, "rehearse");
    await write(world, ["198.51.100.0/24"]);
    await restoring.worker.engine.approve(restoring.runId, "test", "rehearse");
    const { run } = await world.drive(restoring.worker, restoring.runId);
    assert.deepEqual([run.stage, run.failure?.code], ["rehearse", "RESTORE_STALE"]);
    assert.match(run.failure?.message ?? "", /^what would be written over has changed .*office$/);
    await startsAgain(world, restoring);
  });

  test("writes over nothing that has changed since the dry run, inside the lock either", async () => {
    using world = await RestoreWorld.create();
    const restoring = await overwriting(world, "lock");
    await write(world, ["198.51.100.0/24"]);
    await restoring.worker.engine.approve(restoring.runId, "test", "lock");
    const { run } = await world.drive(restoring.worker, restoring.runId);
    assert.deepEqual([run.stage, run.failure?.code], ["restore", "RESTORE_STALE"]);
    assert.match(run.failure?.message ?? "", /^changed since it was shown, and not written over: .*office$/);
    await startsAgain(world, restoring);
  });

  test("names what would be refused of every kind, before the lock", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    await wipeOldGroup(world);
    world.cluster.storage.hooks.dryRun = (write, object) => {
      if (!/\/(ippools|tiers|globalnetworksets)\//.test(write)) return object;
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", "no", { next: "", status: 403 });
    };
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    const { run } = await driveApproving(world, worker, runId);
    assert.deepEqual([run.stage, run.failure?.code], ["rehearse", "RESTORE_REFUSED"]);
    for (const plural of ["ippools", "tiers", "globalnetworksets"])
      assert.match(run.failure?.message ?? "", new RegExp(`/${plural}/\\S+: `), plural);
  });
});
