import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import type { CheckReport } from "../../preflight/check.ts";
import type { Described, Worker } from "../../testing/run-world.ts";
import {
  assertState,
  backUp,
  CONSENTS,
  driveApproving,
  RestoreWorld,
  startRestore,
  wipeOldGroup,
} from "../testing/world.ts";

function failed({ stages }: Described): CheckReport[] {
  const checks = stages.find(({ stage }) => stage === "preflight")?.notes[
    "checks"
  ] as unknown as CheckReport[];
  return checks.filter(({ status, severity }) => status === "fail" && severity === "blocking");
}

/** The restore is stopped by this check alone, whose advice is this. */
async function stopped(world: RestoreWorld, worker: Worker, runId: string, check: string): Promise<string> {
  const described = await driveApproving(world, worker, runId);
  assert.equal(described.run.failure?.code, "PREFLIGHT_FAILED", JSON.stringify(described.run.waiting));
  const [report, ...others] = failed(described);
  assert.deepEqual([report?.id, others], [check, []]);
  return report?.fix ?? "";
}

describe("the advice of a check of a restore, followed", () => {
  test("names another backup, which is restored: backup-whole", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const [from, other] = [await backUp(world, worker), await backUp(world, worker)];
    const part = `runs/${from}/backup/kubernetes-000001.ndjson`;
    await worker.embedded.artifacts.write(part, [Buffer.from("{}\n")]);
    await wipeOldGroup(world);
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    const described = await driveApproving(world, worker, runId);
    const report = failed(described).find(({ id }) => id === "backup-whole");
    assert.match(report?.fix ?? "", /or name another one\.$/, described.run.failure?.message);

    const again = await startRestore(worker, { from: other, side: "kubernetes" });
    assertState(await driveApproving(world, worker, again), "Succeeded");
  });

  test("is a yes that the run takes: backup-finished", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const { artifacts } = worker.embedded;
    const from = await backUp(world, worker);
    for (const { name } of await artifacts.list(`runs/${from}/backup/kubernetes-`)) {
      const text = Buffer.concat(await Array.fromAsync(artifacts.read(name)));
      await artifacts.write(name.replace(from, "half"), [text]);
    }
    const runId = await startRestore(worker, { from: "half", side: "kubernetes" });
    const others = CONSENTS.filter((subject) => subject !== "incomplete-backup");
    const { run } = await driveApproving(world, worker, runId, others);
    assert.equal(run.waiting?.subject, "incomplete-backup", run.failure?.message);
    assert.match(run.waiting.message, /accept with the approval `incomplete-backup`/);

    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });

  test("lets the run go on: access", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    const create = world.cluster.create.bind(world.cluster);
    world.cluster.create = (ref, object, options) =>
      ref.plural === "selfsubjectaccessreviews"
        ? Promise.resolve({ status: { allowed: false } })
        : create(ref, object, options);
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assert.match(await stopped(world, worker, runId, "access"), /^Grant these rights, .*, then `resume`/);

    world.cluster.create = create;
    await worker.engine.resume(runId);
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });

  test("lets the run go on: api-server-accepts", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const from = await backUp(world, worker);
    await world.cluster.delete({
      ...{ apiVersion: "crd.projectcalico.org/v1", plural: "globalnetworksets", name: "office" },
    });
    world.cluster.storage.hooks.dryRun = (write, object) => {
      if (!write.endsWith("globalnetworksets/office")) return object;
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", "no", { next: "", status: 403 });
    };
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assert.match(
      await stopped(world, worker, runId, "api-server-accepts"),
      /an admission policy, a quota\. Then `resume`/,
    );

    delete world.cluster.storage.hooks.dryRun;
    await worker.engine.resume(runId);
    assertState(await driveApproving(world, worker, runId), "Succeeded");
  });
});
