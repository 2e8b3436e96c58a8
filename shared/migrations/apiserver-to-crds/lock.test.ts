import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readLock } from "../../calico/lock.ts";
import { Life } from "../testing/life.ts";
import type { Worker } from "../testing/run-world.ts";
import { assertState, startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const AFTER_EVERY_LEASE_MS = 60_000;

/** Every boundary takes minutes: by default every so many-th is tried. */
const STRIDE = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 1 : 61;

/** Pods get a network as soon as one group is ready: Calico uses either. */
function isLocked(world: World): boolean {
  const found = Object.entries(world.cluster.dump()).filter(([path]) =>
    path.includes("/clusterinformations/"),
  );
  return found.every(([, text]) => readLock(text).ready === false);
}

async function assertTrue(world: World, worker: Worker, runId: string, when: string): Promise<string> {
  const { run } = await world.describe(worker, runId);
  const status = run.conditions.find(({ type }) => type === "DatastoreLocked")?.status ?? "False";
  if (status !== "Unknown")
    assert.equal(status, isLocked(world) ? "True" : "False", `${when}: ${run.track} ${run.stage ?? ""}`);
  return status;
}

for (const [name, create] of [
  ["a run", wholeWorld],
  ["a run without the second version", wholeWorldWithoutSecondVersion],
] as const) {
  describe(`what ${name} says of its lock`, () => {
    test("is so wherever its worker dies, until it waits for the cleanup", async () => {
      const seen = new Set<string>();
      for (let writes = 60; ; writes += STRIDE) {
        using world = await create();
        const healthy = world.worker();
        const runId = await startWhole(healthy, { stopBefore: "cleanup", approvals: ["unlock"] });
        const mortal = world.worker(new Life({ writes }));
        await world.drive(mortal, runId);
        seen.add(await assertTrue(world, healthy, runId, `killed after write ${writes}`));
        if (!mortal.life.dead) break;
        world.clock.advance(AFTER_EVERY_LEASE_MS);
      }
      assert.ok(seen.has("False"), [...seen].join());
    });

    test("is so after every few writes while it is undone", async () => {
      for (let writes = 4; ; writes += STRIDE) {
        using world = await create();
        const healthy = world.worker();
        const runId = await startWhole(healthy, { stopBefore: "unlock", approvals: [] });
        await world.drive(healthy, runId);
        assert.equal(await assertTrue(world, healthy, runId, "before the unlock"), "True");
        await healthy.engine.undo(runId, "rollback");
        const mortal = world.worker(new Life({ writes }));
        await world.drive(mortal, runId);
        await assertTrue(world, healthy, runId, `killed after write ${writes}`);
        const over = !mortal.life.dead;
        world.clock.advance(AFTER_EVERY_LEASE_MS);
        assertState(await world.drive(healthy, runId), "RolledBack");
        assert.equal(await assertTrue(world, healthy, runId, "at the end"), "False");
        if (over) return;
      }
    });
  });
}
