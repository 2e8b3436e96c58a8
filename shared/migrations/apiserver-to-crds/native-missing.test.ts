import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crdResource } from "../../kubernetes/crds.ts";
import { objectAt, objectsAt } from "../../kubernetes/fields.ts";
import { nativeCrd } from "./testing/cluster.ts";
import { putApiServiceBack } from "./testing/rivals.ts";
import {
  assertState,
  goOn,
  isAggregated,
  rollBack,
  runBefore,
  startWhole,
  wholeWorld,
  wholeWorldWithoutSecondVersion,
} from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const OLD_LOCK = "crd.projectcalico.org/v1/clusterinformations/default";
const BACK = { onLockFailure: "rollback" };

function definition(plural: string): typeof crdResource & { name: string } {
  return { ...crdResource, name: `${plural}.projectcalico.org` };
}

function assertUnlocked(world: World): void {
  assert.match(world.cluster.dump()[OLD_LOCK] ?? "", /"datastoreReady":true/);
}

describe("a native CRD that somebody deletes", () => {
  for (const plural of ["clusterinformations", "tiers"])
    test(`(${plural}) before the lock stops the run with nothing locked; it is undone and started again`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const runId = await runBefore(world, worker, "lock", BACK);
      await world.cluster.delete(definition(plural));
      const { run } = await goOn(world, worker, runId, "lock");
      assert.equal(run.failure?.code, "NATIVE_CRD_LOST", JSON.stringify([run.state, run.waiting]));
      assert.match(run.failure.message, new RegExp(`: ${plural}\\.projectcalico\\.org is gone$`));
      assert.match(run.failure.next, /undo the run with `rollback`, .*, and start again/);
      assert.deepEqual([run.stage, run.lock], ["lock", undefined]);
      assertUnlocked(world);

      await rollBack(world, worker, runId);
      assertState(await world.drive(worker, await startWhole(worker)), "Succeeded");
    });

  test("and somebody creates again, before the lock, is another one", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    await world.cluster.delete(definition("tiers"));
    await world.cluster.create(crdResource, nativeCrd("Tier"));
    const { run } = await goOn(world, worker, runId, "lock");
    assert.equal(run.failure?.code, "NATIVE_CRD_LOST", JSON.stringify([run.state, run.waiting]));
    assert.match(run.failure.message, /tiers\.projectcalico\.org is another one/);
    assertUnlocked(world);
  });

  for (const [what, create, stages] of [
    ["", wholeWorld, ["hold-operator", "catch-up", "remove-apiservice", "catch-up-last", "switch", "unlock"]],
    [
      " without the second version",
      wholeWorldWithoutSecondVersion,
      ["remove-apiservice", "copy-locked", "switch"],
    ],
  ] as const)
    for (const stage of stages)
      test(`inside the lock${what}, before ${stage}, has the run go back by itself`, async () => {
        for (const plural of ["clusterinformations", "tiers"]) {
          using world = await create();
          const worker = world.worker();
          const runId = await runBefore(world, worker, stage, BACK);
          await world.cluster.delete(definition(plural));
          const described = await goOn(world, worker, runId, stage);
          assertState(described, "RolledBack");
          assert.equal(described.control.undoCause?.failure.code, "NATIVE_CRD_LOST");
          assertUnlocked(world);
          assert(await isAggregated(world.cluster));
        }
      });

  test("is said by the way back, which has nothing to delete in it, and needs no time for it", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    for (const plural of ["networkpolicies", "clusterinformations"])
      await world.cluster.delete(definition(plural));
    const before = world.clock.now();
    await rollBack(world, worker, runId);
    assert.ok(world.clock.now() - before < 30_000, String(world.clock.now() - before));
    const { stages } = await world.describe(worker, runId);
    const { left } = stages.find(({ stage }) => stage === "verify-undone")?.notes ?? {};
    assert.match(
      JSON.stringify(left),
      /networkpolicies\.projectcalico\.org: it was deleted by somebody else/,
    );
  });

  test("after the unlock keeps nobody from going back", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await world.cluster.delete(definition("clusterinformations"));
    await worker.engine.undo(runId, "rollback");
    let described = await world.drive(worker, runId);
    if (described.run.waiting?.subject === "late-changes") {
      await worker.engine.approve(runId, "ann", "late-changes");
      described = await world.drive(worker, runId);
    }
    assertState(described, "RolledBack");
    assertUnlocked(world);
  });
});

describe("a native CRD that cannot be used any more", () => {
  test("stops the run before the lock; once it is as it was, the run goes on", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    const crd = await world.cluster.get(definition("tiers"));
    const versions = objectsAt(crd, "spec", "versions");
    const change = async (over: object): Promise<void> => {
      const found = await world.cluster.get(definition("tiers"));
      const spec = { ...objectAt(found, "spec"), versions: versions.map((one) => ({ ...one, ...over })) };
      await world.cluster.replace(definition("tiers"), { ...found, spec });
    };
    await change({ storage: false });
    const { run } = await goOn(world, worker, runId, "lock");
    assert.equal(run.failure?.code, "NATIVE_CRD_UNFIT", JSON.stringify([run.state, run.waiting]));
    assert.match(run.failure.message, /tiers\.projectcalico\.org stores nothing, not v3/);
    assertUnlocked(world);
    await change({ storage: true });
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });
});

describe("what cannot come about inside the lock", () => {
  test("is named while batches wait for it (NATIVE_NOT_REACHED); once it is stopped, the run goes on by itself", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "copy-locked", BACK);
    let isBusy = true;
    world.meanwhile.after.push(async (write) => {
      if (!isBusy) return;
      if (write.startsWith("create projectcalico.org/v3/") && !(await isAggregated(world.cluster)))
        await putApiServiceBack(world.cluster);
    });
    await worker.engine.approve(runId, "test", "copy-locked");
    const stage = { runId, track: "forward", stage: "copy-locked" } as const;
    let seen: string | undefined;
    for (let steps = 0; seen === undefined && steps < 500; steps++) {
      if (!(await worker.step())) world.clock.advance(1_000);
      const open = await worker.embedded.store.listOpenBatches(stage, { limit: 10 });
      seen = open.flatMap(({ failure }) => failure?.code ?? [])[0];
    }
    assert.equal(seen, "NATIVE_NOT_REACHED");
    isBusy = false;
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("is waited for until its deadline: then the run goes back by itself", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch", BACK);
    let isBusy = true;
    world.meanwhile.after.push(async (write) => {
      if (isBusy && write.startsWith("delete apiregistration")) await putApiServiceBack(world.cluster);
    });
    await putApiServiceBack(world.cluster);
    await worker.engine.approve(runId, "test", "switch");
    const described = await world.drive(worker, runId);
    isBusy = false;
    assertState(described, "RolledBack");
    assert.equal(described.control.undoCause?.failure.code, "GATE_DEADLINE");
    assert.match(
      described.control.undoCause.failure.message,
      /^switch was held up for \d+ s, with the datastore locked: /,
    );
    assertUnlocked(world);
  });
});
