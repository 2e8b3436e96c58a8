import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { VERIFIED } from "./stages/verify.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, runUpTo } from "./testing/steps.ts";
import { World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
/** More than one page. */
const POLICIES = 620;

/** A world with many policies. */
async function fullWorld(): Promise<World> {
  const world = await World.create();
  for (let index = 0; index < POLICIES; index++) {
    const name = nameOf(index);
    world.etcd.put(policyKey(name), policyValue(name));
  }
  return world;
}

function nameOf(index: number): string {
  return `shop/many-${String(index).padStart(4, "0")}`;
}

function policyRef(index: number): { apiVersion: string; plural: string; namespace: string; name: string } {
  const [namespace = "", name = ""] = nameOf(index).split("/");
  return { apiVersion: V1, plural: "networkpolicies", namespace, name };
}

describe("verification", () => {
  for (const stage of ["verify-copy", "verify-all"]) {
    test(`${stage} names what is missing and what differs, until it is mended`, async () => {
      using world = await fullWorld();
      const worker = world.worker();
      const runId = await runUpTo(world, worker, stage);
      const missing = await world.kubernetes.get(policyRef(7));
      await world.kubernetes.delete(policyRef(7));
      await world.kubernetes.patch(policyRef(611), { spec: { order: 4711 } }, { type: "merge" });

      const { run } = await approve(world, worker, runId, stage);
      assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify(run.failure));
      assert.match(run.failure.message, /many-0007 \(it is missing in the target\)/);

      const {
        uid: _uid,
        resourceVersion: _version,
        ...metadata
      } = missing["metadata"] as Record<string, never>;
      await world.kubernetes.create(policyRef(7), { ...missing, metadata });
      const again = (await resume(world, worker, runId)).run;
      // After the switch others may write; before it, nobody but this run should have.
      if (stage === "verify-all") assert.equal(again.failure, undefined);
      else assert.match(again.failure?.message ?? "", /many-0611 \(.*4711/);
    });
  }

  test("writes no checkpoint of what is equal, but one of each list, and begins its list again when the snapshot is gone", async () => {
    using world = await fullWorld();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "verify-copy");
    const before = worker.life.writes.length;
    const list = world.kubernetes.list.bind(world.kubernetes);
    let expired = 0;
    world.kubernetes.list = (ref, options) => {
      if (options?.continueToken === undefined || expired > 0) return list(ref, options);
      expired++;
      const gone = { next: "Start the list again.", status: 410 };
      return Promise.reject(new KubernetesApiError("KUBERNETES_EXPIRED", "gone", gone));
    };

    const { stages, run } = await approve(world, worker, runId, "verify-copy");

    assert.equal(run.failure, undefined);
    assert.equal(expired, 1);
    const stage = stages.find((one) => one.stage === "verify-copy");
    assert.equal(stage?.state, "done");
    const writes = worker.life.writes.slice(before);
    const closed = writes.flatMap((name, index) => (name === "closeBatch" ? [index] : []));
    const verified = writes.slice(0, closed[VERIFIED.length - 1]);
    // One row a kind tells what was listed, and none of what is equal.
    const put = verified.filter((name) => name === "putCheckpoints").length;
    assert.ok(put <= VERIFIED.length, `${put} writes: ${verified.join(" ")}`);
  });

  test("passes when nothing is wrong", async () => {
    using world = await fullWorld();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "verify-copy");
    assertState(await approve(world, worker, runId, "verify-copy"), "Succeeded");
  });
});
