import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { crdResource } from "../../../kubernetes/crds.ts";
import { Life } from "../../testing/life.ts";
import { changed } from "../../testing/dumps.ts";
import { apiService, nativeCrd } from "../testing/cluster.ts";
import { outerStages } from "../testing/stages.ts";
import { rollBack, runTo, startRun, World } from "../testing/world.ts";

/** Every boundary takes minutes: by default every so many-th is tried. */
const STRIDE = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 1 : 41;
const STAGES = outerStages();
const NAMES = STAGES.map(({ name }) => name);
const OLD_LOCK = "crd.projectcalico.org/v1/clusterinformations/default";
const NATIVE_LOCK = "projectcalico.org/v3/clusterinformations/default";
const API_SERVICE = "apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org";
const CALICO_NODE = "apps/v1/daemonsets/kube-system/calico-node";
const API_SERVER = "apps/v1/deployments/calico-apiserver/calico-apiserver";

function assertMigrated(dump: Record<string, string>): void {
  assert.deepEqual(
    Object.keys(dump).filter((path) => path.includes("crd.projectcalico.org")),
    [],
  );
  assert.match(dump[NATIVE_LOCK] ?? "", /"datastoreReady":true/);
  assert.doesNotMatch(JSON.stringify(dump), /v3precopy|calico-migrator/);
  assert.doesNotMatch(dump[API_SERVICE] ?? "", /calico-api"/);
  assert.equal(dump[CALICO_NODE]?.match(/CALICO_API_GROUP/g)?.length, 2);
  assert.equal(dump[API_SERVER], undefined);
}

suite("the stages around the copying", () => {
  test("leave native CRDs, unlocked, and nothing of the old group nor of the run", async () => {
    using world = await World.create(STAGES);
    await runTo(world, world.worker());
    assertMigrated(world.cluster.dump());
  });

  for (const stopBefore of NAMES.slice(1, NAMES.indexOf("cleanup") + 1)) {
    test(`undone before ${stopBefore} leave the cluster as it was found`, async () => {
      using world = await World.create(STAGES);
      const before = world.cluster.dump();
      const worker = world.worker();
      const approvals = ["unlock"].filter((subject) => subject !== stopBefore);
      await rollBack(world, worker, await runTo(world, worker, { stopBefore, approvals }));
      assert.deepEqual(changed(before, world.cluster.dump()), []);
    });
  }

  test("keep the old group unlocked before the lock, both locked until the unlock, and then the old one locked", async () => {
    const ready = (dump: Record<string, string>, path: string): string | undefined =>
      /"datastoreReady":(\w+)/.exec(dump[path] ?? "")?.[1];
    for (const [stopBefore, old, native] of [
      ["lock", "true", undefined],
      ["remove-apiservice", "false", "false"],
      ["unlock", "false", "false"],
      ["switch-operator", "false", "true"],
    ] as const) {
      using world = await World.create(STAGES);
      await runTo(world, world.worker(), {
        stopBefore,
        approvals: stopBefore === "unlock" ? [] : ["unlock"],
      });
      const dump = world.cluster.dump();
      assert.deepEqual([ready(dump, OLD_LOCK), ready(dump, NATIVE_LOCK)], [old, native], stopBefore);
    }
  });

  test("remove an APIService that somebody puts back at any stage after its removal", async () => {
    for (const stopBefore of ["switch", "unlock", "rollout", "close-second-version", "cleanup"]) {
      using world = await World.create(STAGES);
      const worker = world.worker();
      const approvals = ["unlock", "cleanup"].filter((subject) => subject !== stopBefore);
      const runId = await runTo(world, worker, { stopBefore, approvals });
      const { resourceVersion } = (
        await world.cluster.get({
          ...{ apiVersion: "apiregistration.k8s.io/v1", plural: "apiservices", name: "v3.projectcalico.org" },
        })
      )["metadata"] as { resourceVersion: string };
      const { metadata, ...rest } = apiService();
      const again = { ...rest, metadata: { ...(metadata as object), resourceVersion } };
      await world.cluster.replace(
        { apiVersion: "apiregistration.k8s.io/v1", plural: "apiservices", name: "v3.projectcalico.org" },
        again,
      );
      await worker.engine.approve(runId, "test", stopBefore);
      const { run } = await world.drive(worker, runId);
      assert.equal(run.state, "Succeeded", JSON.stringify([stopBefore, run.failure, run.waiting]));
      assertMigrated(world.cluster.dump());
    }
  });
});

suite("without the second version, the stages around the copying", () => {
  async function withWebhook(): Promise<World> {
    const world = await World.create(STAGES);
    const crd = nativeCrd("Tier");
    const spec = { ...(crd["spec"] as object), conversion: { strategy: "Webhook" } };
    await world.cluster.create(crdResource, { ...crd, spec });
    return world;
  }

  test("lock the native group when the API server is removed", async () => {
    using world = await withWebhook();
    await runTo(world, world.worker(), { stopBefore: "switch" });
    assert.match(world.cluster.dump()[NATIVE_LOCK] ?? "", /"datastoreReady":false/);
  });

  for (const stopBefore of ["remove-apiservice", "switch", "unlock"]) {
    test(`undone before ${stopBefore} leave the cluster as it was found`, async () => {
      using world = await withWebhook();
      const before = world.cluster.dump();
      const worker = world.worker();
      await rollBack(world, worker, await runTo(world, worker, { stopBefore, approvals: ["unlock"] }));
      assert.deepEqual(changed(before, world.cluster.dump()), []);
    });
  }
});

suite("killed after a write, the stages around the copying", () => {
  /** All writes of a run to the end. */
  async function writesOfARun(): Promise<number> {
    using world = await World.create(STAGES);
    const worker = world.worker();
    await runTo(world, worker);
    return worker.life.writes.length;
  }

  test("are undone wherever it was, and finished as if nothing had been", async () => {
    const writes = await writesOfARun();
    for (let write = 5; write < writes; write += STRIDE) {
      for (const goOn of [true, false]) {
        using world = await World.create(STAGES);
        const before = world.cluster.dump();
        const first = world.worker(new Life({ writes: write }));
        const approvals = goOn ? ["unlock", "cleanup"] : ["unlock"];
        const runId = await Promise.race([startRun(first, { approvals }), first.life.ended]);
        await world.drive(first, runId);
        first.close();
        world.clock.advance(60_000);
        const second = world.worker();
        if (goOn) {
          await second.engine.wake(runId);
          const { run } = await world.drive(second, runId);
          assert.equal(run.state, "Succeeded", JSON.stringify([write, run.failure, run.waiting]));
          assertMigrated(world.cluster.dump());
        } else {
          await rollBack(world, second, runId);
          assert.deepEqual(changed(before, world.cluster.dump()), [], `after ${write} of ${writes}`);
        }
      }
    }
  });
});
