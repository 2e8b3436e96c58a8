import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Conflict, conflictsOf } from "../../engine/conflicts.ts";
import type { ResolutionUse } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { changed } from "../testing/dumps.ts";
import { Life } from "../testing/life.ts";
import type { Worker } from "../testing/run-world.ts";
import { nativeCrds } from "./testing/cluster.ts";
import { deleteAsAdvised } from "./testing/kubectl.ts";
import { mismatches } from "./testing/oracle.ts";
import { policy } from "./testing/source.ts";
import { assertState, goOn, rollBack, runBefore, startWhole, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const ALL = process.env["CALICO_MIGRATOR_CRASH"] === "all";
const NATIVE = "projectcalico.org/v3";
const V1 = "crd.projectcalico.org/v1";
const POLICIES = { apiVersion: NATIVE, plural: "networkpolicies", namespace: "shop" };
const PATH = `${NATIVE}/networkpolicies/shop/web`;
const WEB = { types: ["Ingress"], order: 5 };
const LABELS = { "projectcalico.org/tier": "default" };

/** What the copy of the v1 policy `web` becomes, or something else in its place. */
function native(spec: JsonObject, labels: JsonObject = LABELS): JsonObject {
  const metadata = { name: "web", namespace: "shop", labels };
  return { apiVersion: NATIVE, kind: "NetworkPolicy", metadata, spec: { tier: "default", ...spec } };
}

/** The native group holds a policy of its own where the v1 policy `web` belongs. */
async function worldWith(theirs: JsonObject): Promise<World> {
  const world = await wholeWorld();
  for (const crd of nativeCrds()) await world.cluster.create(crdResource, crd);
  await world.cluster.create({ ...POLICIES, apiVersion: V1 }, policy("web", WEB));
  await world.cluster.storage.create(POLICIES, theirs);
  return world;
}

async function inConflict(world: World, worker: Worker): Promise<string> {
  const runId = await startWhole(worker, { stopBefore: "cleanup", approvals: ["unlock"] });
  const { run } = await world.drive(worker, runId);
  assert.equal(run.waiting?.reason, "Conflict", JSON.stringify([run.stage, run.failure, run.waiting]));
  assert.match(run.waiting.message, /networkpolicies\/shop\/web/);
  return runId;
}

function conflicts({ embedded }: Worker, runId: string): Promise<Conflict[]> {
  return Array.fromAsync(conflictsOf(embedded.store, runId));
}

async function decide(world: World, worker: Worker, runId: string, use: ResolutionUse): Promise<void> {
  const requests = (await conflicts(worker, runId)).map(({ key, seen }) => ({ key, seen, use }));
  await worker.engine.resolve(runId, "ann", requests);
  await reaches(world, worker, runId, "cleanup");
}

/** Goes on until right before a stage, with nobody to resume the run. */
async function reaches(world: World, worker: Worker, runId: string, stage: string): Promise<void> {
  const until = world.clock.now() + 120_000;
  const { run } = await world.drive(
    worker,
    runId,
    ({ waiting, failure }) =>
      waiting?.subject === stage || failure !== undefined || world.clock.now() > until,
  );
  assert.equal(run.waiting?.subject, stage, JSON.stringify([run.stage, run.failure, run.waiting]));
}

describe("a native object with another spec", () => {
  test("holds the run before the lock, and is listed with where it differs", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }));
    const worker = world.worker();
    const runId = await inConflict(world, worker);
    const [found] = await conflicts(worker, runId);
    assert.deepEqual(found?.differences, [{ path: "spec.order", source: "5", target: "1" }]);
    assert.match(world.cluster.dump()[`${V1}/clusterinformations/default`] ?? "", /"datastoreReady":true/);
  });

  test("is listed with the command by which kubectl reaches it, and the run goes on once that has deleted it", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }));
    const worker = world.worker();
    const runId = await inConflict(world, worker);
    const [{ command = "" } = {}] = await conflicts(worker, runId);
    assert.equal(command, "kubectl edit networkpolicies.v3precopy.projectcalico.org web --namespace shop");
    // Under the short name kubectl would show, and delete, what the aggregated API server makes of the v1 policy.
    await deleteAsAdvised(world.cluster, `\`${command.replace("edit", "delete")}\``);

    await reaches(world, worker, runId, "cleanup");

    assert.deepEqual(await mismatches(world.cluster), []);
  });

  test("is named together with all others, whatever they are, before anything is written", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }));
    const pool = { apiVersion: NATIVE, plural: "ippools", name: "blue" };
    const spec = { cidr: "10.7.0.0/24" };
    const blue = { kind: "IPPool", metadata: { name: "blue" } };
    await world.cluster.create({ ...pool, apiVersion: V1 }, { ...blue, apiVersion: V1, spec });
    await world.cluster.storage.create(pool, {
      ...blue,
      apiVersion: NATIVE,
      spec: { ...spec, disabled: true },
    });
    const worker = world.worker();
    const runId = await inConflict(world, worker);
    const { run } = await world.describe(worker, runId);
    assert.equal(run.stage, "try-copy");
    assert.match(run.waiting?.message ?? "", /^2 resources .*ippools\/blue.*networkpolicies\/shop\/web/);
    const native3 = Object.keys(world.cluster.dump()).filter((path) => path.startsWith(`${NATIVE}/`));
    assert.deepEqual(native3.toSorted(), [`${NATIVE}/ippools/blue`, PATH]);

    await decide(world, worker, runId, "source");
    assert.deepEqual(await mismatches(world.cluster), []);
  });

  test("that nobody decides on is left alone by an abort", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }));
    const before = world.cluster.dump();
    const worker = world.worker();
    await rollBack(world, worker, await inConflict(world, worker));
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });

  for (const [use, order] of [
    ["source", 5],
    ["target", 1],
    ["skip", 1],
  ] as const) {
    test(`decided for ${use} lets the run succeed`, async () => {
      using world = await worldWith(native({ ...WEB, order: 1 }));
      const worker = world.worker();
      const runId = await inConflict(world, worker);
      await decide(world, worker, runId, use);
      assert.equal(
        objectAt(await world.cluster.storage.get({ ...POLICIES, name: "web" }), "spec")["order"],
        order,
      );
      assertState(await goOn(world, worker, runId, "cleanup"), "Succeeded");
    });

    test(`decided for ${use} and undone is as it was`, async () => {
      using world = await worldWith(native({ ...WEB, order: 1 }));
      const before = world.cluster.dump();
      const worker = world.worker();
      const runId = await inConflict(world, worker);
      await decide(world, worker, runId, use);
      await rollBack(world, worker, runId);
      assert.deepEqual(changed(before, world.cluster.dump()), []);
    });
  }

  test("that is deleted lets the run go on by itself", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }));
    const worker = world.worker();
    const runId = await inConflict(world, worker);
    await world.cluster.storage.delete({ ...POLICIES, name: "web" });
    await reaches(world, worker, runId, "cleanup");
    assert.deepEqual(await mismatches(world.cluster), []);
  });

  test("that is edited to the same lets the run go on by itself", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }));
    const worker = world.worker();
    const runId = await inConflict(world, worker);
    await world.cluster.storage.patch(
      { ...POLICIES, name: "web" },
      { spec: { order: 5 } },
      { type: "merge" },
    );
    await reaches(world, worker, runId, "cleanup");
    assert.deepEqual(await mismatches(world.cluster), []);
  });

  test("is left as it is by an abort", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }));
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await inConflict(world, worker);
    await worker.engine.undo(runId, "abort");
    assertState(await world.drive(worker, runId), "Aborted");
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });
});

describe("a decision for the source", () => {
  test("is carried out once whenever the worker dies, and undone to what was there", async () => {
    const replaced = `replace ${PATH.replace("/v3/", "/v3precopy/")}`;
    for (const writes of ALL ? Array.from({ length: 24 }, (_, index) => index + 1) : [3, Infinity]) {
      using world = await worldWith(native({ ...WEB, order: 1 }));
      const before = world.cluster.dump();
      const first = world.worker();
      const runId = await inConflict(world, first);
      const requests = (await conflicts(first, runId)).map(({ key, seen }) => ({
        key,
        seen,
        use: "source" as const,
      }));
      await first.engine.resolve(runId, "ann", requests);
      first.close();
      const second = world.worker(new Life({ writes }));
      world.meanwhile.after.push((write) => {
        if (write === replaced) second.life.kill();
        return Promise.resolve();
      });
      await world.drive(second, runId, ({ stage }) => stage === "verify-copy");
      second.close();
      world.clock.advance(60_000);
      const third = world.worker();
      await third.engine.wake(runId);
      await reaches(world, third, runId, "cleanup");
      assert.deepEqual(await mismatches(world.cluster), [], `after ${writes} writes`);

      await rollBack(world, third, runId);

      assert.deepEqual(changed(before, world.cluster.dump()), [], `after ${writes} writes`);
    }
  });
});

describe("a native object that nothing in the old group becomes", () => {
  test("stops the run before the lock, and is left as it is by its undo", async () => {
    using world = await worldWith(native({ ...WEB, order: 1 }, { role: "own" }));
    await world.cluster.delete({ ...POLICIES, apiVersion: V1, name: "web" });
    const before = world.cluster.dump();
    const worker = world.worker();
    const { run } = await world.drive(worker, await startWhole(worker));
    assert.deepEqual([run.stage, run.failure?.code], ["verify-copy", "VERIFY_FAILED"]);
    assert.match(run.failure?.message ?? "", /networkpolicies\/shop\/web/);
    await rollBack(world, worker, run.runId);
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });
});

describe("a native object with the same spec", () => {
  test("and other labels is a conflict: policies select by labels", async () => {
    using world = await worldWith(native(WEB, { ...LABELS, role: "web" }));
    const worker = world.worker();
    const [found] = await conflicts(worker, await inConflict(world, worker));
    assert.deepEqual(
      found?.differences.map(({ path }) => path),
      ["labels.role"],
    );
  });

  test("and the same labels is taken for the copy, and is left by an undo", async () => {
    using world = await worldWith(native(WEB));
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    assert.deepEqual(await mismatches(world.cluster), []);
    await rollBack(world, worker, runId);
    assert.equal(world.cluster.dump()[PATH], before[PATH]);
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });
});
