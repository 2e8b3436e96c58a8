import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lockedClusterInformation } from "../../calico/lock.ts";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { OLD_LOCK } from "./cluster-information.ts";
import { putApiServiceBack } from "./testing/rivals.ts";
import {
  assertState,
  goOn,
  rollBack,
  runBefore,
  startWhole,
  uncollectedWorld,
  wholeWorld,
} from "./testing/whole.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const POLICIES = { apiVersion: NATIVE, plural: "networkpolicies", namespace: "shop" };
const MIXED = { apiVersion: "v1", plural: "configmaps", namespace: "shop", name: "mixed" };

/** The name and the annotations of an object. */
function markOf(object: JsonObject): JsonObject {
  const { name, annotations } = object["metadata"] as JsonObject;
  return { name, annotations };
}

function refusePartners(write: string): void {
  if (!/^(create|replace) projectcalico\.org\/v3[a-z]*\/networksets\/shop\/partners$/.test(write)) return;
  throw new KubernetesApiError("KUBERNETES_INVALID", write, { next: "Ask its owner.", status: 422 });
}

describe("what a failed run says to do gets it further", () => {
  test("an old group without ClusterInformation: it is there again, then resume", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    const { metadata, ...information } = await world.cluster.get(OLD_LOCK);
    const { name, labels } = metadata as JsonObject;
    await world.cluster.delete(OLD_LOCK);
    await worker.engine.approve(runId, "test", "lock");
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "LOCK_MISSING");
    assert.match(run.failure.next, /calico-node runs, which creates it, then `resume`/);
    const { apiVersion, plural } = OLD_LOCK;
    await world.cluster.create({ apiVersion, plural }, { ...information, metadata: { name, labels } });
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });

  for (const [code, side] of [
    ["SOURCE_LOCKED_BY_OTHER", "old"],
    ["TARGET_LOCKED_BY_OTHER", "native"],
  ] as const)
    test(`the ${side} group locked by another run (${code}): that one is finished, then resume`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const runId = await runBefore(world, worker, "lock");
      const api = side === "old" ? world.cluster : world.cluster.storage;
      const ref = side === "old" ? OLD_LOCK : { ...OLD_LOCK, apiVersion: NATIVE };
      const before = await world.cluster.get(OLD_LOCK);
      const locked = lockedClusterInformation(before, "another-run");
      if (side === "old") await api.replace(ref, locked);
      else await api.create(ref, { ...locked, apiVersion: NATIVE, metadata: markOf(locked) });
      await worker.engine.approve(runId, "test", "lock");
      const { run } = await world.drive(worker, runId);
      assert.equal(run.failure?.code, code, JSON.stringify([run.stage, run.failure, run.waiting]));
      assert.match(run.failure.next, /Finish or undo that run first .*, then `resume`/);
      if (side === "old") {
        const { metadata } = await api.get(ref);
        const { resourceVersion = "" } = metadata as JsonObject;
        await api.replace(ref, {
          ...before,
          metadata: { ...(before["metadata"] as JsonObject), resourceVersion },
        });
      } else await api.delete(ref);
      await worker.engine.resume(runId);
      assertState(await world.drive(worker, runId), "Succeeded");
    });

  test("what changed since the copy and is changed in the native group: it is mended, then resume", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const late = { ...POLICIES, name: "owned" };
    const runId = await runBefore(world, worker, "lock");
    await world.cluster.patch({ ...late, apiVersion: OLD }, { spec: { order: 7 } }, { type: "merge" });
    await worker.engine.approve(runId, "test", "lock");
    const order = (value: number) =>
      world.cluster.storage.patch(late, { spec: { order: value } }, { type: "merge" });
    await world.drive(worker, runId, ({ stage }) => stage === "verify-changes");
    await order(4711);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "VERIFY_FAILED", JSON.stringify([run.stage, run.failure]));
    assert.equal(run.stage, "verify-changes");
    assert.match(run.failure.next, /^Mend the native objects and `resume`/);
    await order(7);
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("owner references that somebody sets all the time: that is stopped, then resume", async () => {
    // With a garbage collector an object whose owners nobody has would be gone.
    using world = await uncollectedWorld();
    const worker = world.worker();
    let count = 0;
    const rival = async (write: string): Promise<void> => {
      if (write !== "patch v1/configmaps/shop/mixed") return;
      const name = `owner-${++count}`;
      const owner = { apiVersion: NATIVE, kind: "GlobalNetworkSet", name, uid: name };
      const patch = { metadata: { ownerReferences: [owner] } };
      await world.cluster.storage.patch(MIXED, patch, { type: "merge" });
    };
    world.meanwhile.before.push(rival);
    const runId = await startWhole(worker);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "OWNERS_UNSETTLED", JSON.stringify([run.stage, run.failure]));
    assert.match(run.failure.next, /See who sets them .* stop that, then `resume`/);
    world.meanwhile.before.splice(0);
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("an APIService that somebody puts back all the time (NATIVE_NOT_SERVED): once that is stopped, the run goes on by itself", async () => {
    using world = await wholeWorld();
    // What belongs to native objects is another matter.
    world.meanwhile.after.splice(0);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "unlock");
    const get = world.cluster.get.bind(world.cluster);
    world.cluster.get = async (ref) => {
      if (ref.apiVersion === NATIVE) await putApiServiceBack(world.cluster);
      return get(ref);
    };
    await worker.engine.approve(runId, "test", "unlock");
    const shown = "projectcalico.org/v3 does not show the native group's ClusterInformation";
    await world.drive(worker, runId, ({ waiting }) => waiting?.message.includes(shown) === true);
    world.cluster.get = get;
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("and what is hidden by it is compared again", async () => {
    using world = await wholeWorld();
    world.meanwhile.after.splice(0);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    const late = { ...POLICIES, apiVersion: OLD, name: "owned" };
    await world.cluster.patch(late, { spec: { order: 7 } }, { type: "merge" });
    await worker.engine.approve(runId, "test", "lock");
    await world.drive(worker, runId, ({ stage }) => stage === "verify-changes");
    const get = world.cluster.get.bind(world.cluster);
    let count = 0;
    world.cluster.get = async (ref) => {
      if (ref.apiVersion === NATIVE && count++ < 10) await putApiServiceBack(world.cluster);
      return get(ref);
    };
    assertState(await world.drive(worker, runId), "Succeeded");
    assert.ok(count > 10);
  });

  test("an object that the API server does not take, and nobody can mend: resume with --skip", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    world.cluster.hooks.before = refusePartners;
    const runId = await startWhole(worker);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "COPY_FAILED", JSON.stringify([run.stage, run.failure]));
    assert.match(run.failure.next, /`resume` with --skip KIND\/NAMESPACE\/NAME/);
    await worker.engine.resume(runId, { objects: ["NetworkSet/shop/partners"], by: "ann" });
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "uncarried");
    assertState(await goOn(world, worker, runId, "uncarried"), "Succeeded");
  });

  test("the same inside the lock: rollback, then start with --skip", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    const partners = { apiVersion: OLD, plural: "networksets", namespace: "shop", name: "partners" };
    await world.cluster.patch(partners, { spec: { nets: ["10.7.0.0/16"] } }, { type: "merge" });
    world.cluster.hooks.before = refusePartners;
    await worker.engine.approve(runId, "test", "lock");
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "COPY_FAILED", JSON.stringify([run.stage, run.failure]));
    assert.match(run.failure.next, /`rollback`, then `start` with --skip/);
    await rollBack(world, worker, runId);
    const options = { skip: ["NetworkSet/shop/partners"] };
    const other = await startWhole(worker, { options, approvals: ["unlock", "cleanup"] });
    assert.equal((await world.drive(worker, other)).run.waiting?.subject, "uncarried");
    assertState(await goOn(world, worker, other, "uncarried"), "Succeeded");
  });

  test("an object that the API server does not take: its cause is mended, then resume", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "pre-copy");
    world.cluster.hooks.before = (write) => {
      if (!/^create projectcalico\.org\/v3[a-z]*\/ippools\//.test(write)) return;
      const message = `${write}: a policy denied it`;
      throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", message, {
        next: "Ask its owner.",
        status: 403,
      });
    };
    await worker.engine.approve(runId, "test", "pre-copy");
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "COPY_FAILED", JSON.stringify([run.stage, run.failure]));
    assert.match(run.failure.message, /KUBERNETES_ADMISSION_DENIED: .*a policy denied it; Ask its owner\./);
    assert.match(run.failure.next, /then `resume`/);
    world.cluster.hooks.before = undefined;
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
  });
});
