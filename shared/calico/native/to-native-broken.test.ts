import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { broken, v1Object } from "./testing/v1-objects.ts";

const set = (stored: JsonObject | null, metadata: JsonObject = {}): JsonObject =>
  v1Object("GlobalNetworkSet", "office", {}, stored, metadata);
const annotated = (annotation: string): JsonObject =>
  set(null, { annotations: { "projectcalico.org/metadata": annotation } });
const owner = (reference: JsonObject): JsonObject => ({
  ownerReferences: [
    { apiVersion: "crd.projectcalico.org/v1", kind: "Tier", name: "t", uid: "1", ...reference },
  ],
});
const block = (spec: JsonObject): JsonObject => v1Object("IPAMBlock", "b", { cidr: "10.0.0.0/30", ...spec });

const BROKEN: readonly (readonly [v1: JsonObject, code: string, reason: RegExp])[] = [
  [{}, "KIND_NOT_CONVERTED", /moves to projectcalico.org\/v3/],
  [{ apiVersion: "projectcalico.org/v3", kind: "Tier" }, "KIND_NOT_CONVERTED", /./],
  [v1Object("ClusterInformation", "default", {}), "KIND_NOT_CONVERTED", /./],
  [annotated(""), "METADATA_INVALID", /projectcalico.org\/metadata is not valid JSON/],
  [
    annotated("[]"),
    "METADATA_INVALID",
    /^the annotation projectcalico.org\/metadata is not what Calico can read/,
  ],
  [annotated('{"labels":{"a":1}}'), "METADATA_INVALID", /^labels.a in the annotation/],
  [annotated('{"creationTimestamp":"yesterday"}'), "METADATA_INVALID", /^creationTimestamp in/],
  [set({ ownerReferences: [{}] }), "METADATA_INVALID", /^ownerReferences.0.apiVersion in the annotation/],
  [set({}, { labels: [] }), "METADATA_INVALID", /^labels in metadata/],
  [{ ...set({}), metadata: 5 }, "METADATA_INVALID", /^metadata is not/],
  [set({}, { uid: "x" }), "UID_INVALID", /metadata.uid/],
  [set({}, { uid: null }), "UID_INVALID", /metadata.uid/],
  [set(owner({})), "OWNER_UID_INVALID", /Tier\/t/],
  [set({ labels: { "a b": "" } }), "LABEL_INVALID", /"a b"/],
  [set({ annotations: { "a b": "" } }), "ANNOTATION_INVALID", /"a b"/],
  [set({ annotations: { note: "x".repeat(262_144) } }), "ANNOTATIONS_TOO_LARGE", /262144/],
  [set({ name: "Office" }), "NAME_INVALID", /"Office" of the GlobalNetworkSet has upper-case/],
  [v1Object("NetworkSet", "a", {}), "NAMESPACE_INVALID", /NetworkSet/],
  [v1Object("GlobalNetworkSet", "a", [] as unknown as JsonObject), "VALUE_INVALID", /^spec is not an object/],
  [v1Object("GlobalNetworkPolicy", "a", { tier: 5 }), "VALUE_INVALID", /^spec.tier/],
  [block({ cidr: "10.0.0.0" }), "CIDR_INVALID", /^spec.cidr/],
  [block({ attributes: [null] }), "VALUE_INVALID", /^spec.attributes\[0\]/],
  [block({ allocations: {} }), "VALUE_INVALID", /^spec.allocations/],
  [v1Object("IPAMHandle", "h", { block: {} }), "VALUE_INVALID", /^spec.handleID is missing/],
  [v1Object("IPAMHandle", "h", { handleID: "a_b" }), "NAME_INVALID", /"a_b" of the IPAMHandle/],
  [v1Object("BlockAffinity", "a", { cidr: "10.0.0.0/30", deleted: "yes" }), "VALUE_INVALID", /^spec.deleted/],
  [v1Object("BlockAffinity", "a", { cidr: "x", deleted: "true" }), "CIDR_INVALID", /^spec.cidr/],
  [v1Object("IPAMConfig", "default", { strictAffinity: "yes" }), "VALUE_INVALID", /^spec.strictAffinity/],
];

for (const [index, [v1, code, reason]] of BROKEN.entries()) {
  test(`${index}: ${JSON.stringify(v1).slice(39, 160)} is broken: ${code}`, () => {
    const result = broken(v1);
    assert.equal(result.code, code);
    assert.match(result.reason, reason);
  });
}

test("reasons do not repeat what an object holds", () => {
  const secret = "hunter2-hunter2";
  for (const v1 of [
    annotated(secret),
    annotated(`{"labels":"${secret}"}`),
    set({}, { uid: secret }),
    block({ cidr: secret }),
  ]) {
    assert.ok(!broken(v1).reason.includes(secret), JSON.stringify(v1));
  }
});
