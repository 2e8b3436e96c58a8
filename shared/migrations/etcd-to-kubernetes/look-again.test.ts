import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, runUpTo } from "./testing/steps.ts";
import { type Described, startRun, type Worker, World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";
const GLOBAL = { apiVersion: V1, plural: "globalnetworkpolicies" };
const TIERS = { apiVersion: V1, plural: "tiers" };
const NAMESPACED = { apiVersion: V1, plural: "networkpolicies", namespace: "shop" };
const MANY = 1_100;

/** A policy that lets everything pass. */
function open(name: string): JsonObject {
  return {
    apiVersion: V1,
    kind: "GlobalNetworkPolicy",
    metadata: { name },
    spec: { order: 0, types: ["Ingress"], ingress: [{ action: "Allow" }] },
  };
}

function put(world: World, name: string): void {
  world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`, { ingress: [{ action: "Deny" }] }));
}

async function allow(world: World, name: string): Promise<void> {
  const patch = { spec: { ingress: [{ action: "Allow" }] } };
  await world.kubernetes.patch({ ...NAMESPACED, name }, patch, { type: "merge" });
}

/** Deletes a policy. @returns what puts it back. */
async function drop(world: World, name: string): Promise<() => Promise<unknown>> {
  const object = await world.kubernetes.get({ ...NAMESPACED, name });
  await world.kubernetes.delete({ ...NAMESPACED, name });
  return () => world.kubernetes.create(NAMESPACED, { ...object, metadata: { name, namespace: "shop" } });
}

function fingerprintOf({ run }: Described): string | undefined {
  assert.equal(run.waiting?.subject, "written-by-others", JSON.stringify([run.state, run.failure]));
  return run.waiting.fingerprint;
}

describe("the target, right before the lock", () => {
  test("is looked at again for what is missing, what is changed and what is strange, and nothing is locked", async () => {
    using world = await World.create();
    const worker = world.worker();
    put(world, "deny");
    put(world, "other");
    put(world, "left");
    const runId = await runUpTo(world, worker, "lock");
    const putBack = await drop(world, "deny");
    await allow(world, "other");
    await world.kubernetes.create(GLOBAL, open("open"));
    const before = world.etcd.dump();

    const failed = (await approve(world, worker, runId, "lock")).run;
    await putBack();
    await world.kubernetes.delete({ ...GLOBAL, name: "open" });
    const patch = { spec: { ingress: [{ action: "Deny" }] } };
    await world.kubernetes.patch({ ...NAMESPACED, name: "other" }, patch, { type: "merge" });

    assert.deepEqual([failed.state, failed.stage, failed.lock], ["Failed", "lock", undefined]);
    assert.deepEqual(world.etcd.dump(), before);
    assert.equal(failed.failure?.code, "VERIFY_FAILED");
    assert.match(failed.failure.message, /networkpolicies\/shop\/deny \(it is missing in the target\)/);
    assert.match(failed.failure.message, /networkpolicies\/shop\/other \(/);
    assert.match(failed.failure.message, /globalnetworkpolicies\/open \(only the target has it/);
    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("is not looked at for what has changed in etcd since, which is copied", async () => {
    using world = await World.create();
    const worker = world.worker();
    put(world, "deny");
    put(world, "gone");
    const runId = await runUpTo(world, worker, "lock");
    put(world, "new");
    world.etcd.put(policyKey("shop/deny"), policyValue("shop/deny", { ingress: [{ action: "Pass" }] }));
    world.etcd.delete(policyKey("shop/gone"));

    assertState(await approve(world, worker, runId, "lock"), "Succeeded");
  });
});

describe("the target, right before the switch", () => {
  for (const [what, change, named] of [
    ["missing", (world: World) => drop(world, "deny"), /networkpolicies\/shop\/deny \(it is missing/],
    ["changed", (world: World) => opened(world, "other"), /networkpolicies\/shop\/other \(/],
    ["strange", (world: World) => added(world, "open"), /globalnetworkpolicies\/open \(only the target/],
  ] as const)
    test(`is looked at again for what is ${what} where a run was held inside the lock`, async () => {
      using world = await World.create();
      const worker = world.worker();
      put(world, "deny");
      put(world, "other");
      const runId = await runUpTo(world, worker, "switch");
      world.clock.advance(60_000);
      const putRight = await change(world);

      const failed = (await approve(world, worker, runId, "switch")).run;

      assert.deepEqual([failed.stage, failed.failure?.code], ["switch", "VERIFY_FAILED"]);
      assert.match(failed.failure?.message ?? "", named);
      await putRight();
      assertState(await resume(world, worker, runId), "Succeeded");
    });

  test("is looked at again where the switch failed before it had written anything, days ago", async (t) => {
    using world = await World.create();
    const worker = world.worker();
    const { kubernetes } = world;
    put(world, "deny");
    const asked = kubernetes.request.bind(kubernetes);
    const resources = [{ name: "daemonsets", kind: "DaemonSet", namespaced: true, verbs: ["patch"] }];
    const stages: string[] = [];
    kubernetes.request = async (request) => {
      if (!request.path.startsWith("/apis/apps/v1")) return asked(request);
      const { run } = await world.describe(worker, runId);
      if (run.stage !== "switch" || stages.push("switch") > 1) return { status: 200, body: { resources } };
      throw new KubernetesApiError("KUBERNETES_FORBIDDEN", "not now", { next: "", status: 403 });
    };
    const options = { manifest: manifestFile(t), onLockFailure: "hold" };
    const runId = await startRun(worker, { stopBefore: "switch", options });
    await world.drive(worker, runId);

    const failed = (await approve(world, worker, runId, "switch")).run;
    world.clock.advance(60_000);
    await drop(world, "deny");
    const again = (await resume(world, worker, runId)).run;

    assert.deepEqual([failed.stage, failed.failure?.code], ["switch", "KUBERNETES_FORBIDDEN"]);
    assert.deepEqual([again.stage, again.failure?.code], ["switch", "VERIFY_FAILED"]);
  });

  function manifestFile(t: TestContext): string {
    const folder = mkdtempSync(join(tmpdir(), "calico-migrator-look-again-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const env = [{ name: "DATASTORE_TYPE", value: "kubernetes" }];
    const spec = { template: { spec: { containers: [{ name: "calico-node", env }] } } };
    const metadata = { name: "calico-node", namespace: "kube-system" };
    const file = join(folder, "calico.json");
    writeFileSync(file, JSON.stringify({ apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec }));
    return file;
  }

  async function opened(world: World, name: string): Promise<() => Promise<unknown>> {
    await allow(world, name);
    const patch = { spec: { ingress: [{ action: "Deny" }] } };
    return () => world.kubernetes.patch({ ...NAMESPACED, name }, patch, { type: "merge" });
  }

  async function added(world: World, name: string): Promise<() => Promise<unknown>> {
    await world.kubernetes.create(GLOBAL, open(name));
    return () => world.kubernetes.delete({ ...GLOBAL, name });
  }
});

describe("the target, right before the unlock", () => {
  async function waiting(world: World, worker: Worker): Promise<string> {
    put(world, "deny");
    put(world, "other");
    return runUpTo(world, worker, "unlock");
  }

  test("is looked at again for what is missing, what is changed and what is strange", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await waiting(world, worker);
    const putBack = await drop(world, "deny");
    await allow(world, "other");
    await world.kubernetes.create(GLOBAL, open("open"));

    const failed = (await approve(world, worker, runId, "unlock")).run;
    await putBack();
    const asked = await resume(world, worker, runId);

    assert.equal(failed.failure?.code, "VERIFY_FAILED", JSON.stringify(failed.waiting));
    assert.match(failed.failure.message, /networkpolicies\/shop\/deny \(it is missing in the target\)/);
    fingerprintOf(asked);
    assert.match(asked.run.waiting?.message ?? "", /networkpolicies\/shop\/other/);
    assert.match(asked.run.waiting?.message ?? "", /globalnetworkpolicies\/open \(only the target has it/);
    assertState(await approve(world, worker, runId, "written-by-others"), "Succeeded");
  });

  test("is not asked about where it means the same, or was put right", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await waiting(world, worker);
    const putBack = await drop(world, "deny");
    await putBack();
    await world.kubernetes.create(GLOBAL, open("open"));
    await world.kubernetes.delete({ ...GLOBAL, name: "open" });

    assertState(await approve(world, worker, runId, "unlock"), "Succeeded");
  });

  test("is asked about where somebody has made a tier", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await waiting(world, worker);
    const tier = { apiVersion: V1, kind: "Tier", metadata: { name: "first" }, spec: { order: 1 } };
    await world.kubernetes.create(TIERS, tier);

    const asked = await approve(world, worker, runId, "unlock");

    fingerprintOf(asked);
    assert.match(asked.run.waiting?.message ?? "", /tiers\/first/);
  });

  test("is compared as a whole where more was written than is worth reading one by one", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await waiting(world, worker);
    for (let index = 0; index < MANY; index++) await world.kubernetes.create(GLOBAL, open(`open-${index}`));

    const asked = await approve(world, worker, runId, "unlock");

    assert.equal(asked.run.waiting?.count, MANY);
  });

  test("is read by its metadata alone where nobody has written to it", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await waiting(world, worker);
    const full: string[] = [];
    const list = world.kubernetes.list.bind(world.kubernetes);
    let unlocked = false;
    world.kubernetes.list = (ref, options) => {
      if (!unlocked && options?.metadataOnly !== true) full.push(ref.plural);
      return list(ref, options);
    };
    world.kubernetes.hooks.before = (write) => {
      unlocked ||= write.includes("clusterinformations/default");
    };

    assertState(await approve(world, worker, runId, "unlock"), "Succeeded");

    assert.deepEqual([unlocked, full], [true, []]);
  });
});

describe("an approval of what others have written", () => {
  test("does not cover what came after the question", async () => {
    using world = await World.create();
    const worker = world.worker();
    put(world, "deny");
    const runId = await runUpTo(world, worker, "verify-all");
    await world.kubernetes.create(GLOBAL, open("open"));
    const first = await approve(world, worker, runId, "verify-all");
    await world.kubernetes.create(GLOBAL, open("later"));
    await allow(world, "deny");

    const second = await approve(world, worker, runId, "written-by-others");

    assert.notEqual(fingerprintOf(second), fingerprintOf(first));
    assert.equal(second.run.waiting?.count, 3);
    assert.match(second.run.waiting.message, /globalnetworkpolicies\/later/);
    assert.match(second.run.waiting.message, /networkpolicies\/shop\/deny/);
    assertState(await approve(world, worker, runId, "written-by-others"), "Succeeded");
  });

  test("given before the unlock is asked for once more there, by what came since", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "verify-all", { approvals: ["switch"] });
    await world.kubernetes.create(GLOBAL, open("open"));
    await approve(world, worker, runId, "verify-all");
    const { run } = await approve(world, worker, runId, "written-by-others");
    assert.equal(run.waiting?.subject, "unlock");
    await world.kubernetes.create(GLOBAL, open("later"));

    const asked = await approve(world, worker, runId, "unlock");

    fingerprintOf(asked);
    assert.equal(asked.run.waiting?.count, 2);
    assertState(await approve(world, worker, runId, "written-by-others"), "Succeeded");
  });
});
