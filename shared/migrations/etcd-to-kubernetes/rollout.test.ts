import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { approve, assertState, resume, runUpTo } from "./testing/steps.ts";
import { World } from "./testing/world.ts";

const DEPLOYMENTS = { apiVersion: "apps/v1", plural: "deployments", namespace: "kube-system" };

/** A Deployment none of whose pods runs. */
function deployment(name: string, hostNetwork: boolean): JsonObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, generation: 1 },
    spec: { replicas: 1, template: { spec: { hostNetwork } } },
    status: { observedGeneration: 1, updatedReplicas: 0 },
  };
}

async function worldWith(name: string, hostNetwork: boolean): Promise<World> {
  const world = await World.create();
  const kubeSystem = { apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system" } };
  await world.kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, kubeSystem);
  await world.kubernetes.create(DEPLOYMENTS, deployment(name, hostNetwork));
  return world;
}

test("pods on the pod network cannot start before the unlock, and are waited for after it", async () => {
  using world = await worldWith("calico-kube-controllers", false);
  const worker = world.worker();
  const runId = await runUpTo(world, worker, "unlock");

  const { run } = await approve(world, worker, runId, "unlock");

  assert.deepEqual([run.stage, run.failure?.code], ["rollout-all", "GATE_DEADLINE"]);
  const ref = { ...DEPLOYMENTS, name: "calico-kube-controllers" };
  const status = { observedGeneration: 1, updatedReplicas: 1, replicas: 1, availableReplicas: 1 };
  await world.kubernetes.patch(ref, { status }, { type: "merge" });
  assertState(await resume(world, worker, runId), "Succeeded");
});

test("pods on the host's network are waited for before the unlock", async () => {
  using world = await worldWith("calico-typha", true);
  const worker = world.worker();
  const runId = await runUpTo(world, worker, "switch");

  const { run } = await approve(world, worker, runId, "switch");

  assert.deepEqual([run.stage, run.failure?.code], ["rollout", "GATE_DEADLINE"]);
});
