import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../json.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
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

suite("what the API server guards", () => {
  const GUARDS = /validatingadmissionpolic(ies|ybindings)\/(tier-rights|cluster-information-guard)\./;
  const guardsOf = (world: World): string[] =>
    Object.keys(world.cluster.dump()).filter((path) => GUARDS.test(path));

  test("is guarded by admission policies from before the copy on, and after the run", async () => {
    using world = await World.create(outerStages());
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "lock" });
    assert.equal(guardsOf(world).length, 4);
    await worker.engine.approve(runId, "test", "lock");
    assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
    assert.equal(guardsOf(world).length, 4);
  });

  test("is guarded by the operator's webhooks where it installs Calico, and by nobody where that is asked for", async () => {
    for (const [findings, options] of [
      [{ installer: "operator" }, {}],
      [{}, { guards: "none" }],
    ] as const) {
      using world = await World.create(outerStages(findings));
      await runTo(world, world.worker(), { stopBefore: "lock", options });
      assert.deepEqual(guardsOf(world), []);
    }
  });
});

suite("admission policies of a manifest for another Kubernetes", () => {
  const policy = (version: string, kind: string): JsonObject => ({
    apiVersion: `admissionregistration.k8s.io/${version}`,
    kind,
    metadata: { name: "tierlabel" },
    spec: { policyName: "tierlabel" },
  });
  const admission = (world: World): string[] =>
    Object.keys(world.cluster.dump()).filter((path) => path.endsWith("/tierlabel"));
  const BOTH = ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"].map(
    (plural) => `admissionregistration.k8s.io/v1/${plural}/tierlabel`,
  );

  for (const [given, served] of [
    ["v1", "v1beta1"],
    ["v1beta1", "v1"],
  ] as const)
    test(`are created and deleted in ${served}, where the manifest says ${given}`, async () => {
      using world = await World.create(outerStages());
      world.cluster.mutating = served;
      world.manifest.push(policy(given, "MutatingAdmissionPolicy"));
      world.manifest.push(policy(given, "MutatingAdmissionPolicyBinding"));
      const before = world.cluster.dump();
      const worker = world.worker();
      const runId = await runTo(world, worker, { stopBefore: "lock" });
      assert.deepEqual(admission(world), BOTH);
      await rollBack(world, worker, runId);
      assert.deepEqual(changed(before, world.cluster.dump()), []);
    });

  test("are deleted, and given back, after Kubernetes was upgraded in between", async () => {
    for (const end of ["undone", "done"]) {
      using world = await World.create(outerStages());
      world.cluster.mutating = "v1beta1";
      world.manifest.push(policy("v1beta1", "MutatingAdmissionPolicy"));
      const worker = world.worker();
      const runId = await runTo(world, worker, { stopBefore: "lock" });
      world.cluster.mutating = "v1";
      if (end === "undone") await rollBack(world, worker, runId);
      else {
        await worker.engine.approve(runId, "test", "lock");
        assert.equal((await world.drive(worker, runId)).run.state, "Succeeded");
      }
      assert.deepEqual(admission(world), end === "undone" ? [] : BOTH.slice(0, 1));
    }
  });
});

suite("admission policies with a parameter kind that a broken API server hides", () => {
  test("are created once it is gone, and deleted on the way back", async () => {
    using world = await World.create(outerStages());
    const spec = { paramKind: { apiVersion: "projectcalico.org/v3", kind: "NetworkPolicy" } };
    const metadata = { name: "policytypes" };
    const apiVersion = "admissionregistration.k8s.io/v1";
    world.manifest.push({ apiVersion, kind: "MutatingAdmissionPolicy", metadata, spec });
    const status = { conditions: [{ type: "Available", status: "False", reason: "MissingEndpoints" }] };
    await world.cluster.storage.patch(nativeApiService, { status }, { type: "merge" });
    const path = `${apiVersion}/mutatingadmissionpolicies/policytypes`;
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runTo(world, worker, { stopBefore: "install-admission", approvals: ["unlock"] });
    assert.equal(world.cluster.dump()[path], undefined);
    await worker.engine.approve(runId, "test", "install-admission");
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "cleanup");
    assert.notEqual(world.cluster.dump()[path], undefined);
    await rollBack(world, worker, runId);
    assert.deepEqual(
      changed(before, world.cluster.dump()).filter((one) => one.includes("admission")),
      [],
    );
  });
});
