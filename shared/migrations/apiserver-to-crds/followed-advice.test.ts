import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { OLD_LOCK } from "./cluster-information.ts";
import { assertState, goOn, rollBack, runBefore, startWhole, wholeWorld } from "./testing/whole.ts";

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

  test("an object that the API server does not take, and nobody can mend: rollback, then start with --skip", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    world.cluster.hooks.before = (write) => {
      if (!/^create projectcalico\.org\/v3[a-z]*\/networksets\/shop\/partners$/.test(write)) return;
      throw new KubernetesApiError("KUBERNETES_INVALID", write, { next: "Ask its owner.", status: 422 });
    };
    const runId = await startWhole(worker);
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
