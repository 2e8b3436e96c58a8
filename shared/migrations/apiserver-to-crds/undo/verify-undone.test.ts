import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { z } from "zod";
import { objectAt } from "../../../kubernetes/fields.ts";
import { runFieldManager } from "../../../kubernetes/managed-fields.ts";
import type { Worker } from "../../testing/run-world.ts";
import { changed } from "../../testing/dumps.ts";
import { policy } from "../testing/source.ts";
import { assertState, rollBack, runBefore, wholeWorld } from "../testing/whole.ts";

const OLD = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "shop" };
const NATIVE = { ...OLD, apiVersion: "projectcalico.org/v3" };

const Undone = z.object({
  proved: z.array(z.string()),
  left: z.array(z.unknown()),
  oldGroup: z.object({
    objects: z.int(),
    unchanged: z.int(),
    before: z.string(),
    after: z.string(),
    changed: z.array(z.string()),
    deleted: z.array(z.string()),
    created: z.array(z.string()),
    written: z.array(z.string()),
  }),
});

async function undone({ embedded }: Worker, runId: string): Promise<z.infer<typeof Undone>> {
  const content = Readable.from(embedded.artifacts.read(`runs/${runId}/undone.json`));
  return Undone.parse(JSON.parse(await text(content)));
}

describe("an undone run", () => {
  test("proves that nothing is left, and by hash that the old group was not touched", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch");
    await rollBack(world, worker, runId);

    const { proved, left, oldGroup } = await undone(worker, runId);
    assert.deepEqual(left, []);
    assert.ok(proved.includes("native objects"));
    assert.ok(oldGroup.objects > 20);
    assert.equal(oldGroup.unchanged, oldGroup.objects);
    assert.equal(oldGroup.before, oldGroup.after);
  });

  test("tells what others have done to the old group meanwhile from what it was", async () => {
    using world = await wholeWorld();
    const { storage } = world.cluster;
    for (const name of ["a", "m", "z"]) await storage.create(OLD, policy(name, { types: ["Ingress"] }));
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    await storage.patch({ ...OLD, name: "a" }, { spec: { order: 7 } }, { type: "merge" });
    await storage.delete({ ...OLD, name: "m" });
    await storage.create(OLD, policy("n", { types: ["Ingress"] }));
    await storage.delete({ ...OLD, name: "z" });
    await storage.create(OLD, policy("z", { types: ["Ingress"] }));
    await rollBack(world, worker, runId);

    const { oldGroup } = await undone(worker, runId);
    const { changed, deleted, created, written } = oldGroup;
    const path = "networkpolicies/shop";
    assert.deepEqual(
      { changed, deleted, created, written },
      { changed: [`${path}/a`, `${path}/z`], deleted: [`${path}/m`], created: [`${path}/n`], written: [] },
    );
    assert.notEqual(oldGroup.before, oldGroup.after);
  });

  test("deletes what a worker has written with its last breath, also where finalizers hold it", async () => {
    using world = await wholeWorld();
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    for (const [name, finalizers] of [
      ["late", []],
      ["held", ["example.org/keep"]],
    ] as const) {
      const { kind, spec } = policy(name, { types: ["Ingress"], tier: "default" });
      const metadata = { name, namespace: "shop", finalizers: [...finalizers] };
      const object = { apiVersion: NATIVE.apiVersion, kind: kind ?? null, metadata, spec: spec ?? null };
      await world.cluster.storage.create(NATIVE, object, { fieldManager: runFieldManager(runId) });
    }
    await rollBack(world, worker, runId);

    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });

  test("that has written to the old group, which it never does, does not end before that is mended", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    const owned = { ...OLD, name: "owned" };
    const { order = null } = objectAt(await world.cluster.storage.get(owned), "spec");
    await world.cluster.storage.patch(
      owned,
      { spec: { order: 9 } },
      { type: "merge", fieldManager: runFieldManager(runId) },
    );
    await worker.engine.undo(runId, "rollback");
    const described = await world.drive(worker, runId);

    assertState(described, "Failed");
    assert.equal(described.run.failure?.code, "UNDO_INCOMPLETE");
    assert.match(described.run.failure.message, /networkpolicies\/shop\/owned/);
    assert.match(described.run.failure.next, /mend that, then `resume`/);
    await world.cluster.storage.patch(owned, { spec: { order } }, { type: "merge" });
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "RolledBack");
  });
});
