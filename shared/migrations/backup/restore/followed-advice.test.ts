import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { jsonLines } from "../../artifact-lines.ts";
import {
  assertState,
  backUp,
  driveApproving,
  RestoreWorld,
  startRestore,
  wipeOldGroup,
} from "../testing/world.ts";
import type { Worker } from "../../testing/run-world.ts";

const OFFICE = { apiVersion: "crd.projectcalico.org/v1", plural: "globalnetworksets", name: "office" };
const WRITES_OFFICE = /^(create|replace|patch) crd\.projectcalico\.org\/v1\/globalnetworksets\/office$/;

function refused(write: string): KubernetesApiError {
  const message = `${write}: a policy denied it`;
  return new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", message, {
    next: "Ask its owner.",
    status: 403,
  });
}

/** Makes a backup, and leaves nothing of the old group. */
async function wipe(world: RestoreWorld): Promise<{ worker: Worker; from: string }> {
  const worker = world.worker();
  const from = await backUp(world, worker);
  await wipeOldGroup(world);
  return { worker, from };
}

/** Lets a restore go on until it fails, which must be with this code and advice. */
async function assertFailed(
  world: RestoreWorld,
  worker: Worker,
  runId: string,
  code: string,
  next: RegExp,
): Promise<void> {
  const { run } = await driveApproving(world, worker, runId);
  assert.equal(run.failure?.code, code, JSON.stringify([run.stage, run.failure, run.waiting]));
  assert.match(run.failure.next, next);
}

describe("what a failed restore says to do gets it further", () => {
  const next = /Mend what the API server names, then `resume`; or undo the restore with `rollback`/;

  /** A restore that has failed as nobody may write the set `office`, while the hook is there. */
  async function refusedOffice(world: RestoreWorld): Promise<{ worker: Worker; runId: string }> {
    const { worker, from } = await wipe(world);
    world.cluster.hooks.before = (write) => {
      if (WRITES_OFFICE.test(write)) throw refused(write);
    };
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    await assertFailed(world, worker, runId, "RESTORE_REFUSED", next);
    return { worker, runId };
  }

  test("an object that would be refused: its cause is mended, then resume", async () => {
    using world = await RestoreWorld.create();
    const { worker, from } = await wipe(world);
    world.cluster.hooks.dryRun = (write, object) => {
      if (WRITES_OFFICE.test(write)) throw refused(write);
      return object;
    };
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    await assertFailed(world, worker, runId, "RESTORE_REFUSED", next);
    assert.equal((await world.describe(worker, runId)).run.stage, "rehearse");
    delete world.cluster.hooks.dryRun;
    await worker.engine.resume(runId);
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });

  test("an object that is refused: its cause is mended, then resume", async () => {
    using world = await RestoreWorld.create();
    const { worker, runId } = await refusedOffice(world);
    world.cluster.hooks.before = undefined;
    await worker.engine.resume(runId);
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    assert.equal((await world.cluster.get(OFFICE))["kind"], "GlobalNetworkSet");
  });

  test("an object that is refused, and cannot be mended: rollback", async () => {
    using world = await RestoreWorld.create();
    const { worker, runId } = await refusedOffice(world);
    await worker.engine.undo(runId, "rollback");
    assertState(await driveApproving(world, worker, runId), "RolledBack");
  });

  test("an object that somebody writes to all the time: that is stopped, then resume", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    await world.cluster.patch(OFFICE, { spec: { nets: ["10.1.0.0/16"] } }, { type: "merge" });
    const runId = await startRestore(worker, { from, side: "kubernetes", stopBefore: "lock" });
    await driveApproving(world, worker, runId);
    let written = 0;
    world.cluster.hooks.before = (write) => {
      if (!/^replace .*\/globalnetworksets\/office$/.test(write)) return;
      const patch = { metadata: { annotations: { written: String(++written) } } };
      void world.cluster.storage.patch(OFFICE, patch, { type: "merge" });
    };
    await worker.engine.approve(runId, "test", "lock");
    await assertFailed(world, worker, runId, "RESTORE_DISTURBED", /stop that, then `resume`/);
    assert.ok(written > 0);
    world.cluster.hooks.before = undefined;
    await worker.engine.resume(runId);
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });

  test("a backup that is not there: the run that is named has one", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const wrong = await startRestore(worker, { from: "backup-00000000", side: "kubernetes" });
    await assertFailed(world, worker, wrong, "BACKUP_NOT_FOUND", /`calico-migrator describe RUN` lists its/);
    const names = (await worker.embedded.artifacts.list(`runs/${from}/`)).map(({ name }) => name);
    assert.ok(
      names.some((name) => name.includes("/backup/kubernetes-")),
      names.join(),
    );
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });

  test("a backup that is none (BACKUP_INVALID): another one is restored", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const { artifacts } = worker.embedded;
    await artifacts.write("runs/broken/backup/kubernetes-000000.ndjson", jsonLines([{ ref: {}, object: 1 }]));
    const wrong = await startRestore(worker, { from: "broken", side: "kubernetes" });
    await assertFailed(
      world,
      worker,
      wrong,
      "PREFLIGHT_FAILED",
      /under another name .*, then restore with that name, or another backup/,
    );
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });
});
