import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import type { RunControl, RunRecord } from "../../engine/records.ts";
import { isSettled } from "../../engine/settled.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { assertState, resume, runUpTo } from "./testing/steps.ts";
import { World } from "./testing/world.ts";

function isQuieting({ stage, waiting }: RunRecord): boolean {
  return stage === "catch-up" && waiting?.reason === "Gate";
}

describe("a locked source that is written to without end", () => {
  test("is quiet where every node writes its CalicoNodeStatus", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { options: { quietMs: 2000 } });
    await worker.engine.approve(runId, "test", "lock");
    let ticks = 0;
    const status = (): string => {
      const object = resource("CalicoNodeStatus", "watch-a", { node: "rack1-a", classes: ["BGP"] });
      return JSON.stringify({ ...object, status: { lastUpdated: `tick ${++ticks}` } });
    };
    const described = await world.drive(worker, runId, (run, control) => {
      if (isQuieting(run)) world.etcd.put(resourceKey("caliconodestatuses", "watch-a"), status());
      return isSettled(run, control);
    });
    assertState(described, "Succeeded");
    assert.ok(ticks > 0 && ticks < 10, `${ticks} ticks`);
  });

  test("is given up after a time, with what is written, and goes on once that has stopped", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { options: { quietMs: 2000 } });
    await worker.engine.approve(runId, "test", "lock");
    let [order, named] = [0, ""];
    const writing = (run: RunRecord, control: RunControl): boolean => {
      if (run.waiting?.message.includes("in spite") === true) named = run.waiting.message;
      if (isQuieting(run))
        world.etcd.put(policyKey("shop/busy"), policyValue("shop/busy", { order: ++order }));
      return isSettled(run, control);
    };
    const { run } = await world.drive(worker, runId, writing);
    assert.equal(run.failure?.code, "SOURCE_STILL_WRITTEN", JSON.stringify([run.stage, run.waiting]));
    assert.match(run.failure.message, /networkpolicies\/shop\/busy/);
    assert.match(named, /written to: .*networkpolicies\/shop\/busy/);
    assertState(await resume(world, worker, runId), "Succeeded");
  });
});
