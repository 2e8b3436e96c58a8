import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, rollBack, runUpTo } from "./testing/steps.ts";
import { World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const POLICIES = { apiVersion: V1, plural: "globalnetworkpolicies" };
const BLOCKS = { apiVersion: V1, plural: "ipamblocks" };

/** A policy that lets everything pass. */
const OPEN: JsonObject = {
  apiVersion: V1,
  kind: "GlobalNetworkPolicy",
  metadata: { name: "open" },
  spec: { order: 0, types: ["Ingress"], ingress: [{ action: "Allow" }] },
};

const BLOCK: JsonObject = {
  apiVersion: V1,
  kind: "IPAMBlock",
  metadata: { name: "10-77-0-0-26" },
  spec: { cidr: "10.77.0.0/26", allocations: [], unallocated: [], attributes: [] },
};

const STRANGERS = [
  ["a policy", POLICIES, OPEN, /globalnetworkpolicies\/open \(only the target has it/],
  ["an IPAM block", BLOCKS, BLOCK, /ipamblocks\/10-77-0-0-26 \(only the target has it/],
] as const;

describe("what only the target has", () => {
  for (const [what, ref, object, named] of STRANGERS) {
    test(`is a difference before the switch: ${what}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await runUpTo(world, worker, "verify-copy");
      const name = (object["metadata"] as JsonObject)["name"] as string;
      await world.kubernetes.create(ref, object);

      const { run } = await approve(world, worker, runId, "verify-copy");
      await world.kubernetes.delete({ ...ref, name });

      assert.equal(run.failure?.code, "VERIFY_FAILED");
      assert.match(run.failure.message, named);
      assertState(await resume(world, worker, runId), "Succeeded");
    });

    test(`needs an approval by name before the unlock: ${what}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await runUpTo(world, worker, "verify-all");
      await world.kubernetes.create(ref, object);

      const { run } = await approve(world, worker, runId, "verify-all");

      assert.equal(run.waiting?.subject, "written-by-others");
      assert.match(run.waiting.message, named);
      assertState(await approve(world, worker, runId, "written-by-others"), "Succeeded");
    });

    test(`is asked for no more once it is gone: ${what}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await runUpTo(world, worker, "verify-all");
      await world.kubernetes.create(ref, object);
      await approve(world, worker, runId, "verify-all");
      const name = (object["metadata"] as JsonObject)["name"] as string;
      await world.kubernetes.delete({ ...ref, name });

      assertState(await resume(world, worker, runId), "Succeeded");
    });
  }

  test("is no difference where Calico makes it itself, or a person has left it", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "verify-copy");
    const tier = { apiVersion: V1, kind: "Tier", metadata: { name: "kube-admin" }, spec: { order: 1 } };
    await world.kubernetes.create({ apiVersion: V1, plural: "tiers" }, tier);

    assertState(await approve(world, worker, runId, "verify-copy"), "Succeeded");
    await rollBack(world, worker, runId);
  });
});

describe("a copied policy that somebody changes", () => {
  const ref = { apiVersion: V1, plural: "networkpolicies", namespace: "shop", name: "deny" };

  async function changedBefore(world: World, stage: string): Promise<string> {
    world.etcd.put(policyKey("shop/deny"), policyValue("shop/deny", { ingress: [{ action: "Deny" }] }));
    const runId = await runUpTo(world, world.worker(), stage);
    await world.kubernetes.patch(ref, { spec: { ingress: [{ action: "Allow" }] } }, { type: "merge" });
    return runId;
  }

  test("before the switch is a difference", async () => {
    using world = await World.create();
    const runId = await changedBefore(world, "verify-copy");

    const { run } = await approve(world, world.worker(), runId, "verify-copy");

    assert.equal(run.failure?.code, "VERIFY_FAILED");
    assert.match(run.failure.message, /networkpolicies\/shop\/deny/);
  });

  test("after the switch needs an approval by name", async () => {
    using world = await World.create();
    const runId = await changedBefore(world, "verify-all");
    const worker = world.worker();

    const { run } = await approve(world, worker, runId, "verify-all");

    assert.equal(run.waiting?.subject, "written-by-others");
    assert.match(run.waiting.message, /networkpolicies\/shop\/deny/);
    assertState(await approve(world, worker, runId, "written-by-others"), "Succeeded");
  });
});
