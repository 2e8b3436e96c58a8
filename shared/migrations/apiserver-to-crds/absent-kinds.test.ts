import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crdResource } from "../../kubernetes/crds.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { changed } from "../testing/dumps.ts";
import { mismatches } from "./testing/oracle.ts";
import {
  assertState,
  goOn,
  rollBack,
  runBefore,
  startWhole,
  wholeWorld,
  wholeWorldWithoutSecondVersion,
} from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const OLD = "crd.projectcalico.org/v1";
const SETS = { apiVersion: OLD, plural: "networksets", namespace: "shop" };
const SET = {
  apiVersion: OLD,
  kind: "NetworkSet",
  metadata: { name: "late", namespace: "shop" },
  spec: { nets: ["192.0.2.0/24"] },
};

function crdOf(plural: string): ObjectRef {
  return { ...crdResource, name: `${plural}.crd.projectcalico.org` };
}

async function beforeFollow(world: World): Promise<string> {
  const worker = world.worker();
  const runId = await startWhole(worker, { approvals: ["unlock"], stopBefore: "follow" });
  assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "follow");
  return runId;
}

async function reaches(world: World, runId: string, from: string, to: string): Promise<void> {
  const { run } = await goOn(world, world.worker(), runId, from);
  assert.equal(run.waiting?.subject, to, JSON.stringify([run.stage, run.failure, run.waiting]));
  assert.deepEqual(await mismatches(world.cluster), []);
}

for (const [name, create] of [
  ["with", wholeWorld],
  ["without", wholeWorldWithoutSecondVersion],
] as const)
  describe(`${name} a second version, a kind of the old group`, () => {
    for (const plural of ["stagedkubernetesnetworkpolicies", "tiers", "ipamconfigs"])
      test(`that is not there (${plural}) has nothing to copy`, async () => {
        using world = await create();
        await world.cluster.delete(crdOf(plural));
        const before = world.cluster.dump();
        const first = await runBefore(world, world.worker(), "cleanup");
        assert.deepEqual(await mismatches(world.cluster), []);
        await rollBack(world, world.worker(), first);
        assert.deepEqual(changed(before, world.cluster.dump()), []);
        const second = await runBefore(world, world.worker(), "cleanup");
        assertState(await goOn(world, world.worker(), second, "cleanup"), "Succeeded");
      });

    test("that comes after the copy is copied", async () => {
      using world = await create();
      const crd = await world.cluster.get(crdOf(SETS.plural));
      await world.cluster.delete(crdOf(SETS.plural));
      const runId = await beforeFollow(world);
      await world.cluster.create(crdResource, crd);
      await world.cluster.create(SETS, SET);
      await reaches(world, runId, "follow", "cleanup");
    });

    test("that goes after the copy takes its copies along", async () => {
      using world = await create();
      await world.cluster.create(SETS, SET);
      const runId = await beforeFollow(world);
      await world.cluster.delete(crdOf(SETS.plural));
      await reaches(world, runId, "follow", "cleanup");
    });
  });

test("a kind whose definition is there, and that is not served, stops the run before anything is taken for deleted", async () => {
  using world = await wholeWorld();
  await world.cluster.create(SETS, SET);
  const runId = await beforeFollow(world);
  world.cluster.storage.forgetChanges();
  const { cluster } = world;
  const list = cluster.list.bind(cluster);
  cluster.list = (ref, options) =>
    ref.apiVersion === OLD && ref.plural === SETS.plural
      ? Promise.reject(
          new KubernetesApiError("KUBERNETES_NOT_FOUND", "not served", { next: "", status: 404 }),
        )
      : list(ref, options);
  const worker = world.worker();
  const { run } = await goOn(world, worker, runId, "follow");
  assert.equal(run.failure?.code, "KUBERNETES_NOT_FOUND");
  cluster.list = list;
  await worker.engine.resume(runId);
  const { run: resumed } = await world.drive(worker, runId);
  assert.equal(resumed.waiting?.subject, "cleanup", JSON.stringify([resumed.stage, resumed.failure]));
  assert.deepEqual(await mismatches(world.cluster), []);
});
