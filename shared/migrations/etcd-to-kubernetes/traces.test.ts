import assert from "node:assert/strict";
import { test } from "node:test";
import { assertState, rollBack } from "./testing/steps.ts";
import { startRun, World } from "./testing/world.ts";

test("no object names the run once it has succeeded, Nodes neither, and none after a rollback", async () => {
  using world = await World.create();
  const worker = world.worker();
  const runId = await startRun(worker);

  assertState(await world.drive(worker, runId), "Succeeded");

  assert.match(world.kubernetes.dump()["v1/nodes/node-a.example"] ?? "", /projectcalico\.org\/IPv4Address/);
  assert.deepEqual(world.kubernetes.managedByRuns(), []);
  await rollBack(world, worker, runId);
  assert.deepEqual(world.kubernetes.managedByRuns(), []);
});
