import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { METADATA_ANNOTATION } from "../../calico/metadata.ts";
import type { RunRecord } from "../../engine/records.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { Worker } from "../testing/run-world.ts";
import { policy } from "./testing/source.ts";
import {
  assertState,
  goOn,
  runBefore,
  startWhole,
  wholeWorld,
  wholeWorldWithoutSecondVersion,
} from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const POLICIES = { apiVersion: V1, plural: "networkpolicies", namespace: "shop" };
const HELD = { ...POLICIES, name: "held" };
const COPY = `${NATIVE}/networkpolicies/shop/held`;
const HOLD = { metadata: { finalizers: ["example.com/hold"] } };
const OFF = { metadata: { finalizers: null } };

async function createPolicy({ cluster }: World): Promise<void> {
  await cluster.create(POLICIES, policy("held", { order: 1, types: ["Ingress"] }));
}

/** Deletes the v1 policy, which a finalizer holds. */
async function deleteHeld({ cluster }: World): Promise<void> {
  await cluster.patch(HELD, HOLD, { type: "merge" });
  await cluster.delete(HELD);
}

async function waiting(
  world: World,
  worker: Worker,
  runId: string,
): Promise<NonNullable<RunRecord["waiting"]>> {
  const { run } = await world.drive(worker, runId);
  assert.ok(run.waiting, JSON.stringify([run.state, run.stage, run.failure]));
  return run.waiting;
}

function copyIn({ cluster }: World): string | undefined {
  return cluster.dump()[COPY];
}

for (const [where, create] of [
  ["while the aggregated API serves", wholeWorld],
  ["inside the lock", wholeWorldWithoutSecondVersion],
] as const)
  describe(`a v1 object that is being deleted, where it is copied ${where}`, () => {
    test("is not copied as a living one, with consent, and stands in the notes", async () => {
      using world = await create();
      await createPolicy(world);
      await deleteHeld(world);
      const worker = world.worker();
      const runId = await startWhole(worker);

      const asked = await waiting(world, worker, runId);
      assert.equal(asked.subject, "uncarried");
      assert.match(
        asked.message,
        /^1 objects of the old group are being deleted: .*shop\/held \(it is being deleted, and held by example\.com\/hold\)/,
      );
      await worker.engine.approve(runId, "ann", "uncarried");
      assertState(await world.drive(worker, runId), "Succeeded");
      assert.equal(copyIn(world), undefined);
      const { stages } = await world.describe(worker, runId);
      assert.deepEqual(stages.find(({ stage }) => stage === "verify-all")?.notes["leftOut"], [
        `${V1}/networkpolicies/shop/held`,
      ]);
    });

    test("is no loss once it is gone", async () => {
      using world = await create();
      await createPolicy(world);
      await deleteHeld(world);
      const worker = world.worker();
      const runId = await startWhole(worker);
      assert.equal((await waiting(world, worker, runId)).subject, "uncarried");
      await world.cluster.patch(HELD, OFF, { type: "merge" });

      await worker.engine.resume(runId);

      assertState(await world.drive(worker, runId), "Succeeded");
      assert.equal(copyIn(world), undefined);
    });

    test("is copied where it was made again, as another", async () => {
      using world = await create();
      await createPolicy(world);
      await deleteHeld(world);
      const worker = world.worker();
      const runId = await startWhole(worker);
      assert.equal((await waiting(world, worker, runId)).subject, "uncarried");
      await world.cluster.patch(HELD, OFF, { type: "merge" });
      await createPolicy(world);

      await worker.engine.resume(runId);

      assertState(await world.drive(worker, runId), "Succeeded");
      assert.ok(copyIn(world));
    });

    for (const stage of ["follow", "lock"])
      test(`goes from the native group as well where it is deleted right before ${stage}`, async () => {
        using world = await create();
        await createPolicy(world);
        const worker = world.worker();
        const runId = await runBefore(world, worker, stage);
        await deleteHeld(world);

        assertState(await goOn(world, worker, runId, stage), "Succeeded");

        assert.equal(copyIn(world), undefined);
      });
  });

describe("a v1 object that is being deleted", () => {
  test("by way of Calico's API server, which keeps that in an annotation, is not copied either", async () => {
    using world = await wholeWorld();
    const deleted = { deletionTimestamp: "2026-12-01T00:00:00Z", finalizers: ["example.com/hold"] };
    const object = policy("held", { order: 1, types: ["Ingress"] }, deleted);
    await world.cluster.create(POLICIES, object);
    const worker = world.worker();
    const runId = await startWhole(worker);

    const asked = await waiting(world, worker, runId);

    assert.match(asked.message, /shop\/held \(it is being deleted, and held by example\.com\/hold\)/);
    assert.ok(textAt(object, "metadata", "annotations", METADATA_ANNOTATION).includes("deletionTimestamp"));
    await worker.engine.approve(runId, "ann", "uncarried");
    assertState(await world.drive(worker, runId), "Succeeded");
    assert.equal(copyIn(world), undefined);
  });

  test("after the unlock stops the cleanup, until its native object is deleted as well", async () => {
    using world = await wholeWorld();
    await createPolicy(world);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await deleteHeld(world);

    const { run } = await goOn(world, worker, runId, "cleanup");

    assert.equal(run.failure?.code, "CLEANUP_REFUSED");
    assert.match(run.failure.message, /shop\/held \(the v1 object is being deleted since it was copied\)/);
    await world.cluster.delete({ ...HELD, apiVersion: NATIVE });
    await worker.engine.resume(runId);
    const asked = await waiting(world, worker, runId);
    assert.deepEqual([asked.subject, /shop\/held \(deleted\)/.test(asked.message)], ["native-changes", true]);
    await worker.engine.approve(runId, "ann", "native-changes");
    assertState(await world.drive(worker, runId), "Succeeded");
  });
});

describe("a native object that is being deleted", () => {
  const NATIVE_HELD = { ...HELD, apiVersion: NATIVE };

  async function deleteNative({ cluster }: World): Promise<void> {
    await cluster.patch(NATIVE_HELD, HOLD, { type: "merge" });
    await cluster.delete(NATIVE_HELD);
  }

  test("is not what it was copied as: a person is asked before the cleanup", async () => {
    using world = await wholeWorld();
    await createPolicy(world);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await deleteNative(world);

    const { run } = await goOn(world, worker, runId, "cleanup");

    assert.equal(run.waiting?.subject, "native-changes", JSON.stringify([run.stage, run.failure]));
    assert.match(run.waiting.message, /shop\/held \(it is being deleted, and held by example\.com\/hold\)/);
  });

  test("is told as deleted by the way back, where its v1 object acts again", async () => {
    using world = await wholeWorld();
    await createPolicy(world);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await deleteNative(world);

    await worker.engine.undo(runId, "rollback");
    const asked = await waiting(world, worker, runId);

    assert.equal(asked.subject, "late-changes");
    assert.match(asked.message, /shop\/held \(deleted\)/);
    await worker.engine.approve(runId, "ann", "late-changes");
    assertState(await world.drive(worker, runId), "RolledBack");
    assert.equal("deletionTimestamp" in objectAt(await world.cluster.get(HELD), "metadata"), false);
    assert.equal(copyIn(world), undefined);
  });
});
