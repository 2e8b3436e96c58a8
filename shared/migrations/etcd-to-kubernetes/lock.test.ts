import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { readLock } from "../../calico/lock.ts";
import type { RunRecord } from "../../engine/records.ts";
import { changed } from "../testing/dumps.ts";
import { Life } from "../testing/life.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { policyKey } from "./testing/policies.ts";
import { approve, assertState, onceLocked, rollBack, runUpTo } from "./testing/steps.ts";
import { sidesOf, startRun, type Worker, World } from "./testing/world.ts";

const AFTER_EVERY_LEASE_MS = 60_000;

/** Every boundary takes minutes: by default every so many-th is tried. */
const STRIDE = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 1 : 31;

/** Pods get a network as soon as one side is ready: Calico uses either. */
function isLocked(world: World): boolean {
  const { etcd, kubernetes } = sidesOf(world);
  const target = Object.entries(kubernetes).find(([path]) => path.includes("/clusterinformations/"))?.[1];
  const sides = [etcd[CLUSTER_INFORMATION_KEY] ?? "", target].filter((text) => text !== undefined);
  return sides.every((text) => readLock(text).ready === false);
}

function statusOf({ conditions }: RunRecord): string {
  return conditions.find(({ type }) => type === "DatastoreLocked")?.status ?? "False";
}

async function assertTrue(world: World, worker: Worker, runId: string, when: string): Promise<string> {
  const { run } = await world.describe(worker, runId);
  const status = statusOf(run);
  if (status !== "Unknown")
    assert.equal(status, isLocked(world) ? "True" : "False", `${when}: ${run.stage ?? ""}`);
  return status;
}

describe("what a run says of its lock", () => {
  for (const back of [false, true]) {
    test(`is so after every write of a ${back ? "late rollback" : "migration"}, with a worker that dies there`, async () => {
      const seen = new Set<string>();
      for (let writes = back ? 5 : 40; ; writes += STRIDE) {
        using world = await World.create();
        const healthy = world.worker();
        const runId = await startRun(healthy, { approvals: ["unlock", "switch"] });
        if (back) assertState(await world.drive(healthy, runId), "Succeeded");
        if (back) await healthy.engine.undo(runId, "rollback");
        const mortal = world.worker(new Life({ writes }));
        await world.drive(mortal, runId);
        seen.add(await assertTrue(world, healthy, runId, `killed after write ${writes}`));
        if (!mortal.life.dead) break;
        world.clock.advance(AFTER_EVERY_LEASE_MS);
        assertState(await world.drive(healthy, runId), back ? "RolledBack" : "Succeeded");
        assert.equal(await assertTrue(world, healthy, runId, "at the end"), "False");
      }
      assert.ok(seen.has("True") && seen.has("False"), [...seen].join());
    });
  }
});

describe("a failure inside the lock", () => {
  const options = { onLockFailure: "rollback" };

  /** A run that meets what it can neither carry nor leave, right after the lock. */
  async function failing(world: World, worker: Worker): Promise<string> {
    const runId = await runUpTo(world, worker, "lock", { options });
    onceLocked(world, () => world.etcd.put(policyKey("shop/bad"), "{not json"));
    await worker.engine.approve(runId, "test", "lock");
    return runId;
  }

  test("has the run undone by itself, wherever its worker is killed meanwhile", async () => {
    for (let writes = 3; ; writes += STRIDE) {
      using world = await World.create();
      const healthy = world.worker();
      const before = sidesOf(world);
      const runId = await failing(world, healthy);
      const mortal = world.worker(new Life({ writes }));
      await world.drive(mortal, runId);
      const over = !mortal.life.dead;
      world.clock.advance(AFTER_EVERY_LEASE_MS);

      const described = await world.drive(healthy, runId);

      assertState(described, "RolledBack");
      assert.equal(described.control.undoCause?.failure.code, "CATCH_UP_BLOCKED");
      assert.deepEqual(changed(before.etcd, sidesOf(world).etcd), [policyKey("shop/bad")], `write ${writes}`);
      assert.deepEqual(changed(before.kubernetes, sidesOf(world).kubernetes), [], `write ${writes}`);
      if (over) return;
    }
  });
});

test("the late way back locks nothing where etcd is no longer locked by the run", async () => {
  using world = await World.create();
  const worker = world.worker();
  const runId = await startRun(worker);
  assertState(await world.drive(worker, runId), "Succeeded");
  const before = (await World.create()).etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "";
  world.etcd.put(CLUSTER_INFORMATION_KEY, before);

  await worker.engine.undo(runId, "rollback");
  const { run } = await world.drive(worker, runId);

  assert.equal(run.failure?.code, "SOURCE_UNLOCKED");
  assert.deepEqual([isLocked(world), statusOf(run)], [false, "False"]);
});

test("a report tells how long the lock lasted, and how long it waited for a person", async () => {
  using world = await World.create();
  const worker = world.worker();
  const runId = await runUpTo(world, worker, "unlock");
  world.clock.advance(90_000);

  const { run } = await approve(world, worker, runId, "unlock");

  const bytes: Uint8Array[] = [];
  for await (const chunk of worker.embedded.artifacts.read(`runs/${runId}/report.json`)) bytes.push(chunk);
  const { lock } = JSON.parse(Buffer.concat(bytes).toString("utf8")) as { lock: Record<string, number> };
  const { since = 0, until = 0 } = run.lock ?? {};
  assert.equal(lock["lockedMs"], until - since);
  assert.equal(lock["forPersonMs"], 90_000);
  assert.ok((lock["forRolloutMs"] ?? Infinity) <= until - since - 90_000);
  await rollBack(world, worker, runId);
});
