import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../json.ts";
import { changed } from "../../testing/dumps.ts";
import { outerStages } from "../testing/stages.ts";
import { rollBack, runTo, World } from "../testing/world.ts";

function foreignDefinition(plural: string): JsonObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.example.org` },
    spec: {
      group: "example.org",
      names: { plural },
      versions: [{ name: "v1", served: true, storage: true }],
    },
  };
}

suite("undoing the installation of native CRDs", () => {
  const POLICIES = {
    apiVersion: "admissionregistration.k8s.io/v1",
    plural: "mutatingadmissionpolicies",
  };
  const policy = (name: string, spec: JsonObject): JsonObject => ({
    ...{ apiVersion: POLICIES.apiVersion, kind: "MutatingAdmissionPolicy", metadata: { name }, spec },
  });

  test("deletes what the run created, and leaves what was there, which it has not changed", async () => {
    using world = await World.create(outerStages());
    world.manifest.push(policy("new", {}), policy("old", { failurePolicy: "Fail" }));
    await world.cluster.create(POLICIES, policy("old", { failurePolicy: "Ignore" }));
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "lock" });
    const installed = changed(before, world.cluster.dump());
    assert.ok(installed.includes(`${POLICIES.apiVersion}/${POLICIES.plural}/new`));
    assert.ok(!installed.includes(`${POLICIES.apiVersion}/${POLICIES.plural}/old`));
    await rollBack(world, worker, runId);
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });

  test("deletes definitions of the manifest that are not native, and leaves those that are in use", async () => {
    using world = await World.create(outerStages());
    world.manifest.push(foreignDefinition("widgets"), foreignDefinition("gadgets"));
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "lock" });
    const ref = { apiVersion: "example.org/v1", plural: "gadgets" };
    await world.cluster.create(ref, { kind: "Gadget", metadata: { name: "theirs" } });
    await rollBack(world, worker, runId);
    assert.deepEqual(changed(before, world.cluster.dump()), [
      "apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.org",
      "example.org/v1/gadgets/theirs",
    ]);
  });

  test("leaves a definition with an object that somebody else has written", async () => {
    using world = await World.create(outerStages());
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "lock" });
    const ref = { apiVersion: "projectcalico.org/v3precopy", plural: "ippools" };
    await world.cluster.create(ref, { kind: "IPPool", metadata: { name: "theirs" }, spec: {} });
    await rollBack(world, worker, runId);
    const left = changed(before, world.cluster.dump());
    assert.deepEqual(left, [
      "apiextensions.k8s.io/v1/customresourcedefinitions/ippools.projectcalico.org",
      "projectcalico.org/v3/ippools/theirs",
    ]);
    assert.doesNotMatch(world.cluster.dump()[left[0] ?? ""] ?? "", /v3precopy/);
  });
});
