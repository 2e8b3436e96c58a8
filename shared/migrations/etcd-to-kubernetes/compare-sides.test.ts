import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import { compareRun } from "./compare-sides.ts";
import type { SideDifference } from "./one-sided.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { resume, runUpTo } from "./testing/steps.ts";
import { sidesOf, startRun, type Worker, World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const POLICIES = { apiVersion: V1, plural: "globalnetworkpolicies" };

/** Reads alone: a write would reach the sides, and fail the test that looks at them. */
async function compared(world: World, { embedded }: Worker, runId: string): Promise<SideDifference[]> {
  const run = await embedded.store.getRun(runId);
  assert.ok(run);
  const { etcd, kubernetes } = world;
  const connections = { kubernetes, limiter: new AdaptiveLimiter(), etcd: () => etcd, loadManifests: fail };
  return Array.fromAsync(compareRun(embedded, connections, run));
}

const fail = (): never => assert.fail("no manifest is needed");

async function stopped(world: World, stage: string): Promise<{ worker: Worker; runId: string }> {
  const worker = world.worker();
  return { worker, runId: await runUpTo(world, worker, stage, { approvals: ["switch"] }) };
}

describe("comparing both sides", () => {
  for (const stage of ["lock", "unlock"]) {
    test(`finds nothing right before ${stage}, and writes nothing`, async () => {
      using world = await World.create();
      const { worker, runId } = await stopped(world, stage);
      const before = sidesOf(world);
      assert.deepEqual(await compared(world, worker, runId), []);
      assert.deepEqual(sidesOf(world), before);
    });
  }

  test("is refused for a run that has copied nothing, until it has gone on", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await startRun(worker, { stopBefore: "lock" });
    await assert.rejects(compared(world, worker, runId), {
      code: "NOTHING_COPIED",
      next: /Let it go on with `calico-migrator resume`, then compare/,
    });
    await resume(world, worker, runId);
    assert.deepEqual(await compared(world, worker, runId), []);
  });

  test("names what only the target has, and says whose it is", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("shop/web"), policyValue("shop/web"));
    const { worker, runId } = await stopped(world, "lock");
    const open = { types: ["Ingress"], ingress: [{ action: "Allow" }] };
    const metadata = { name: "open" };
    await world.kubernetes.create(POLICIES, {
      apiVersion: V1,
      kind: "GlobalNetworkPolicy",
      metadata,
      spec: open,
    });
    world.etcd.delete(policyKey("shop/web"));

    const found = await compared(world, worker, runId);

    assert.deepEqual(
      found.map(({ target, reason }) => [target, reason]),
      [
        [`${V1}/networkpolicies/shop/web`, "it is gone from etcd, or no longer carriable"],
        [`${V1}/globalnetworkpolicies/open`, "only the target has it: delete it, or create it in etcd"],
      ],
    );
  });

  test("names what came to etcd and was not copied, but for what is left behind with consent", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("nowhere/web"), policyValue("nowhere/web"));
    const { worker, runId } = await stopped(world, "verify-copy");
    world.etcd.put(policyKey("shop/late"), policyValue("shop/late"));

    const found = await compared(world, worker, runId);

    assert.deepEqual(found, [
      {
        kind: "NetworkPolicy",
        namespace: "shop",
        target: `${V1}/networkpolicies/shop/late`,
        reason: "it is not copied",
      },
    ]);
  });
});
