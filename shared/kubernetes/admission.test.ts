import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import type { JsonObject } from "../json.ts";
import { inServedRef, inServedVersion, servedAdmissionVersions } from "./admission.ts";
import { Discovery } from "./discovery.ts";
import { connectFake } from "./testing/connect-fake.ts";

const GROUP = "admissionregistration.k8s.io";
const VALIDATING = { kind: "ValidatingAdmissionPolicy", name: "validatingadmissionpolicies" };
const MUTATING = { kind: "MutatingAdmissionPolicy", name: "mutatingadmissionpolicies" };

/** A cluster with these kinds of the group, by version. */
async function serving(t: TestContext, kinds: Record<string, JsonObject[]>): Promise<Discovery> {
  const versions = Object.keys(kinds).map((version) => ({ version }));
  const documents: Record<string, JsonObject> = { [`/apis/${GROUP}`]: { versions } };
  for (const [version, resources] of Object.entries(kinds))
    documents[`/apis/${GROUP}/${version}`] = { resources };
  return new Discovery((await connectFake(t, { documents })).client);
}

const policy = (apiVersion: string, kind = MUTATING.kind): JsonObject => ({
  ...{ apiVersion, kind, metadata: { name: "tierlabel" } },
});

suite("admission policies", () => {
  test("are served in one version or several, each kind for itself", async (t) => {
    const discovery = await serving(t, { v1beta1: [MUTATING, VALIDATING], v1: [VALIDATING], v1alpha1: [] });
    assert.deepEqual(await servedAdmissionVersions(discovery, MUTATING.kind), ["v1beta1"]);
    assert.deepEqual(await servedAdmissionVersions(discovery, VALIDATING.kind), ["v1", "v1beta1"]);
  });

  test("are taken in their own version where it is served, else in the best one", async (t) => {
    const discovery = await serving(t, { v1beta1: [MUTATING], v1: [VALIDATING], v1alpha1: [MUTATING] });
    for (const [given, wanted] of [
      ["v1", "v1beta1"],
      ["v1beta1", "v1beta1"],
      ["v1alpha1", "v1alpha1"],
    ]) {
      const apiVersion = `${GROUP}/${wanted ?? ""}`;
      const found = await inServedVersion(discovery, policy(`${GROUP}/${given ?? ""}`));
      assert.deepEqual(found, policy(apiVersion));
      const ref = { apiVersion: `${GROUP}/${given ?? ""}`, plural: MUTATING.name, name: "tierlabel" };
      assert.deepEqual(await inServedRef(discovery, ref), { ...ref, apiVersion });
    }
  });

  test("stay as they are where none is served, and so does everything else", async (t) => {
    const discovery = await serving(t, { v1: [VALIDATING] });
    const others = [
      policy(`${GROUP}/v1beta1`),
      policy("example.org/v1"),
      policy(`${GROUP}/v1beta1`, "ValidatingWebhookConfiguration"),
    ];
    for (const one of others) assert.equal(await inServedVersion(discovery, one), one);
    const ref = { apiVersion: "v1", plural: "nodes", name: "a" };
    assert.equal(await inServedRef(discovery, ref), ref);
  });
});
