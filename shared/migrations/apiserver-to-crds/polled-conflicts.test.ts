import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { Worker } from "../testing/run-world.ts";
import { mismatches } from "./testing/oracle.ts";
import { startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const REF = {
  apiVersion: "projectcalico.org/v3",
  plural: "networkpolicies",
  namespace: "shop",
  name: "owned",
};

/** A run that waits because the native group holds another policy of a name of the old group's. */
async function inConflict(world: World, worker: Worker): Promise<string> {
  const metadata = { name: REF.name, namespace: REF.namespace };
  const theirs = {
    apiVersion: REF.apiVersion,
    kind: "NetworkPolicy",
    metadata,
    spec: { order: 1, types: ["Egress"] },
  };
  await world.cluster.storage.create(REF, theirs);
  const runId = await startWhole(worker, { stopBefore: "cleanup", approvals: ["unlock"] });
  const { run } = await world.drive(worker, runId);
  assert.equal(run.waiting?.reason, "Conflict", JSON.stringify([run.stage, run.failure, run.waiting]));
  return runId;
}

async function editToSource(world: World): Promise<void> {
  const old = await world.cluster.storage.get({ ...REF, apiVersion: "crd.projectcalico.org/v1" });
  const theirs = await world.cluster.storage.get(REF);
  const labels: JsonObject = { "projectcalico.org/tier": "default" };
  const metadata = { ...objectAt(theirs, "metadata"), labels };
  const spec = { ...objectAt(old, "spec"), tier: "default" };
  await world.cluster.storage.replace(REF, { ...theirs, metadata, spec });
}

for (const [where, create, stage] of [
  ["before the lock", wholeWorld, "pre-copy"],
  ["inside the lock", wholeWorldWithoutSecondVersion, "copy-locked"],
] as const) {
  describe(`a conflict ${where}`, () => {
    for (const [what, settle] of [
      ["deletes the object", (world: World) => world.cluster.storage.delete(REF)],
      ["edits it to what the v1 object means", editToSource],
    ] as const) {
      test(`is over once a person ${what}`, async () => {
        using world = await create();
        const worker = world.worker();
        const runId = await inConflict(world, worker);
        await settle(world);
        await world.drive(worker, runId, ({ state }) => state !== "Waiting");
        const { run } = await world.drive(worker, runId);
        assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
        assert.deepEqual(await mismatches(world.cluster), []);
      });
    }

    test("is only looked at while nobody does anything", async () => {
      using world = await create();
      const worker = world.worker();
      const runId = await inConflict(world, worker);
      const batches = async (): Promise<number | undefined> =>
        (await world.describe(worker, runId)).stages.find((one) => one.stage === stage)?.batches;
      const [before, made] = [await batches(), worker.life.writes.length];
      let looks = 0;
      const { run } = await world.drive(worker, runId, () => ++looks > 60);
      assert.equal(run.waiting?.reason, "Conflict");
      assert.equal(await batches(), before);
      const written = new Set(worker.life.writes.slice(made));
      assert.deepEqual(
        ["create", "replace", "patch", "delete", "putCheckpoints"].filter((name) => written.has(name)),
        [],
      );
      assert(written.has("saveRun"), "it was looked at");
      assert.equal(textAt(await world.cluster.storage.get(REF), "kind"), "NetworkPolicy");
    });
  });
}
