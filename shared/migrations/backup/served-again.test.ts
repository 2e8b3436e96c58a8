import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { convertUid } from "../../calico/uid.ts";
import type { JsonObject } from "../../json.ts";
import { apiServiceState, nativeApiService } from "../../kubernetes/api-services.ts";
import { objectsAt, textAt } from "../../kubernetes/fields.ts";
import { OWNER } from "../apiserver-to-crds/testing/cluster.ts";
import { Life } from "../testing/life.ts";
import type { Worker } from "../testing/run-world.ts";
import { difference, type Outcome, play, type Scenario } from "./testing/lives.ts";
import { backUpAggregated, dependantsOwners, switchToNative } from "./testing/switched.ts";
import {
  assertState,
  driveApproving,
  type RestoreRequest,
  RestoreWorld,
  startRestore,
} from "./testing/world.ts";

/** The first of the three stages that bring an aggregated API server back. */
const FIRST = "release-dependants";
const SHOWN = { apiVersion: "v1", plural: "configmaps", namespace: "shop", name: "shown" };

/** By default every so many-th boundary is tried; the chains pass over all of them. */
const STRIDE = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 1 : 5;

/** All before these stages is done, and they are approved. */
const beforeTheStages: Scenario["prepare"] = async (world, worker) => {
  const { request, runId } = await started(world, worker, { stopBefore: FIRST });
  await worker.engine.approve(runId, "test", FIRST);
  return request;
};

/** Everything is done, and somebody has asked for the way back. */
const beforeTheWayBack: Scenario["prepare"] = async (world, worker) => {
  const { request, runId } = await started(world, worker, {});
  await worker.engine.undo(runId, "rollback");
  return request;
};

async function started(
  world: RestoreWorld,
  worker: Worker,
  more: Pick<RestoreRequest, "stopBefore">,
): Promise<{ request: RestoreRequest; runId: string }> {
  const from = await backUpAggregated(world, worker);
  await switchToNative(world);
  const request = { from, side: "kubernetes" as const, ...more };
  const runId = await startRestore(worker, request);
  await driveApproving(world, worker, runId);
  return { request, runId };
}

describe("an aggregated API server that comes back", () => {
  test("is there with the owners that it shows, and goes again with those that it does not", async () => {
    using world = await RestoreWorld.create();
    const worker = world.worker();
    const office = await world.cluster.get({ ...OWNER, apiVersion: "crd.projectcalico.org/v1" });
    const shown = convertUid(textAt(office, "metadata", "uid"));
    const from = await backUpAggregated(world, worker);
    await switchToNative(world);
    const native = await dependantsOwners(world);
    const runId = await startRestore(worker, { from, side: "kubernetes" });
    assertState(await driveApproving(world, worker, runId), "Succeeded");
    assert.equal(apiServiceState(await world.cluster.get(nativeApiService)).served, "aggregated");
    const owners = Object.values(await dependantsOwners(world)).map((ones) => ones.at(-1)?.["uid"]);
    assert.deepEqual(owners, [shown, shown, shown]);
    assert.deepEqual(world.cluster.storage.managedByRuns(), []);

    await worker.engine.undo(runId, "rollback");
    assertState(await world.drive(worker, runId), "RolledBack");
    assert.equal(apiServiceState(await world.cluster.get(nativeApiService)).served, "automanaged");
    assert.deepEqual(await dependantsOwners(world), native);
    assert.deepEqual(world.cluster.storage.managedByRuns(), []);
  });

  test("keeps the owners that were taken off already, when others add one before that is recorded", async () => {
    using world = await RestoreWorld.create();
    const first = world.worker();
    const { runId } = await started(world, first, { stopBefore: FIRST });
    await first.engine.approve(runId, "test", FIRST);
    first.close();
    const dying = new Life();
    const second = world.worker(dying);
    world.cluster.hooks.after = (write) => {
      if (write.includes("configmaps/shop/shown")) dying.kill();
    };
    await world.drive(second, runId);
    assert.ok(dying.dead, "nothing was written to it");
    delete world.cluster.hooks.after;
    second.close();
    const late = { apiVersion: "projectcalico.org/v3", kind: "Tier", name: "late", uid: "u-late" };
    assert.deepEqual(objectsAt(await world.cluster.get(SHOWN), "metadata", "ownerReferences"), []);
    await world.cluster.patch(SHOWN, { metadata: { ownerReferences: [late] } }, { type: "merge" });

    world.clock.advance(60_000);
    const third = world.worker();
    await third.engine.wake(runId);
    assertState(await driveApproving(world, third, runId), "Succeeded");

    const names = (owners: JsonObject[]): unknown[] => owners.map(({ name }) => name);
    assert.deepEqual(names((await dependantsOwners(world))["shown"] ?? []), ["office"]);
  });
});

for (const { name, prepare, state } of [
  { name: "an aggregated API server that comes back", prepare: beforeTheStages, state: "Succeeded" },
  { name: "its way back", prepare: beforeTheWayBack, state: "RolledBack" },
]) {
  // What is asked for is asked for in `prepare`.
  const scenario = { prepare, undo: false };
  describe(`${name}, killed`, () => {
    let straight: Outcome;
    before(async () => {
      straight = await play(scenario, []);
      assert.equal(straight.state, state, straight.trouble);
      assert.ok(straight.changed.some((path) => path.includes("/apiservices/")));
    });

    test(`after one write of ${STRIDE}, in turn, ends as if it had not been`, async () => {
      const [writes = 0] = straight.writes;
      for (let write = 1; write <= writes; write += STRIDE)
        assert.deepEqual(difference(straight, await play(scenario, [write])), [], `after write ${write}`);
    });

    test("again and again ends as if it had not been", async () => {
      for (const span of [7, 10]) {
        const outcome = await play(scenario, lives(span));
        assert.deepEqual(difference(straight, outcome), [], `every ${span} writes`);
        assert.ok(outcome.writes.length > 2);
      }
    });
  });
}

/** Lives of about this many writes; they grow slowly, as some step may need more. */
function* lives(span: number): Generator<number, void> {
  for (let count = 0; ; count++) yield span + Math.floor(count / 20);
}
