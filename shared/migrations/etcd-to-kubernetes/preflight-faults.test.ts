import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { resume } from "./testing/steps.ts";
import { startRun, type Worker, World } from "./testing/world.ts";

/** A check as it was recorded. */
interface Recorded {
  status: string;
  message: string;
  items: string[];
  count: number;
}

async function checkOf(world: World, worker: Worker, runId: string, id: string): Promise<Recorded> {
  const { stages } = await world.describe(worker, runId);
  const checks = stages.find(({ stage }) => stage === "preflight")?.notes["checks"] as JsonObject[];
  return checks.find((check) => check["id"] === id) as unknown as Recorded;
}

const NETWORK_POLICIES = "networkpolicies.crd.projectcalico.org";

/** Gives the target's CRD of network policies a schema. */
async function withSchema(world: World, spec: JsonObject): Promise<void> {
  const ref = {
    apiVersion: "apiextensions.k8s.io/v1",
    plural: "customresourcedefinitions",
    name: NETWORK_POLICIES,
  };
  const openAPIV3Schema = { type: "object", properties: { spec } };
  const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }];
  await world.kubernetes.patch(ref, { spec: { versions } }, { type: "merge" });
}

describe("what preflight names", () => {
  test("is what is meant, however many problems of other kinds there are", async () => {
    using world = await World.create();
    for (let index = 0; index < 1100; index++) world.etcd.put(policyKey(`aaa/p${index}`), "{");
    world.etcd.put(policyKey("shop/foo"), policyValue("shop/foo"));
    world.etcd.put(policyKey("shop/default.foo"), policyValue("shop/default.foo"));
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);

    const { items, count } = await checkOf(world, worker, runId, "names-unique");

    assert.equal(count, 1);
    assert.match(items[0] ?? "", /shop\/(default\.)?foo \(it would become/);
  });

  test("is every fault of an object, not the first", async () => {
    using world = await World.create();
    const order = { type: "number", maximum: 5 };
    await withSchema(world, {
      type: "object",
      properties: { order, selector: { type: "string", maxLength: 3 }, types: { type: "array" } },
    });
    const spec = { order: 9, colour: "red", shape: "round" };
    world.etcd.put(policyKey("shop/faulty"), policyValue("shop/faulty", spec));
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);

    const { items } = await checkOf(world, worker, runId, "schema-accepts");

    const faulty = items.find((item) => item.includes("shop/faulty")) ?? "";
    for (const path of ["spec.order", "spec.selector", "spec.colour", "spec.shape"])
      assert.ok(faulty.includes(path), `${path} is not in ${faulty}`);
  });

  test("is of this reading alone, though etcd is at the same revision", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("late/a"), policyValue("late/a"));
    world.etcd.put(policyKey("later/b"), policyValue("later/b"));
    world.etcd.put(policyKey("shop/order"), policyValue("shop/order", { order: 9 }));
    await withSchema(world, { type: "object", properties: { order: { type: "string" } } });
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);
    await withSchema(world, { type: "object", "x-kubernetes-preserve-unknown-fields": true });
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } };
    await world.kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, namespace);
    await resume(world, worker, runId);

    const { items, count } = await checkOf(world, worker, runId, "all-carried");

    assert.equal(items.filter((item) => item.includes("/networkpolicies/")).length, 1, items.join("\n"));
    assert.equal(items.length, count);
  });

  test("of the target's own data is found behind any number of derived policies", async () => {
    using world = await World.create();
    const ref = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "shop" };
    for (const name of [...Array.from({ length: 60 }, (_, n) => `knp.default.p${n}`), "own"])
      await world.kubernetes.create(ref, {
        apiVersion: ref.apiVersion,
        kind: "NetworkPolicy",
        metadata: { name, namespace: "shop" },
      });
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);

    const { status, items } = await checkOf(world, worker, runId, "target-empty");

    assert.deepEqual([status, items], ["fail", ["NetworkPolicy shop/own"]]);
  });
});
