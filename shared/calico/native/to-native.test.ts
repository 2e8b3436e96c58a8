import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { nativeId } from "./native-ids.ts";
import { NATIVE_KINDS } from "./native-kinds.ts";
import { NATIVE_SAMPLES } from "./testing/samples.ts";
import { broken, carried, SHOWN_UID, v1Object } from "./testing/v1-objects.ts";

function asWritten(object: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(object)) as JsonObject;
}

describe("every kind", () => {
  for (const sample of NATIVE_SAMPLES) {
    test(`${sample.path} is carried`, () => {
      const result = carried(sample.v1);
      assert.equal(
        `${result.target.apiVersion}/${sample.path}`,
        nativeId(result.kind, result.target.namespace, result.target.name),
      );
      assert.deepEqual(asWritten(result.object), {
        apiVersion: "projectcalico.org/v3",
        kind: sample.kind,
        metadata: sample.metadata,
        spec: asWritten(sample.spec),
      });
      assert.deepEqual([result.uid, result.status, result.calicoOwners], [SHOWN_UID, sample.status, []]);
    });
  }

  test("has a sample", () => {
    const sampled = new Set(NATIVE_SAMPLES.map(({ kind }) => kind));
    assert.deepEqual(
      NATIVE_KINDS.filter(({ kind }) => !sampled.has(kind)),
      [],
    );
  });
});

describe("policies", () => {
  const types = (kind: string, spec: JsonObject): [unknown, readonly string[] | undefined] => {
    const { object, changes } = carried(v1Object(kind, "shop/a", spec));
    return [(object.spec as JsonObject).types, changes];
  };
  const both = ["Ingress", "Egress"];
  const enforced: readonly (readonly [spec: JsonObject, types: string[], changes: boolean])[] = [
    [{}, both, true],
    [{ ingress: [{}], egress: [] }, both, true],
    [{ egress: [{}] }, both, true],
    [{ ingress: [{}], egress: [{}] }, both, false],
    [{ types: ["Egress", "Ingress"] }, ["Egress", "Ingress"], false],
    [{ types: ["Ingress"], egress: [{}] }, ["Ingress"], false],
    [{ types: [], ingress: null }, both, true],
    [{ types: null, doNotTrack: true, applyOnForward: true }, both, true],
    [{ preDNAT: true, applyOnForward: true, ingress: [{}] }, ["Ingress"], false],
  ];
  for (const [spec, expected, changes] of enforced) {
    test(`${JSON.stringify(spec)} is enforced as ${expected.join(" and ")}`, () => {
      const clause = "spec.types is absent, which is enforced as Ingress and Egress; it says so from now on";
      for (const kind of ["NetworkPolicy", "GlobalNetworkPolicy"])
        assert.deepEqual(types(kind, spec), [expected, changes ? [clause] : undefined]);
    });
  }

  const staged: readonly (readonly [spec: JsonObject, types: string[]])[] = [
    [{}, ["Ingress"]],
    [{ ingress: [{}], egress: [] }, ["Ingress"]],
    [{ egress: [{}] }, ["Egress"]],
    [{ ingress: [{}], egress: [{}] }, both],
    [{ types: ["Egress"] }, ["Egress"]],
  ];
  for (const [spec, expected] of staged) {
    test(`staged as ${JSON.stringify(spec)} would be enforced as ${expected.join(" and ")}`, () => {
      for (const kind of ["StagedNetworkPolicy", "StagedGlobalNetworkPolicy"])
        assert.deepEqual(types(kind, spec), [expected, undefined]);
    });
  }

  test("of Kubernetes have both types once they have rules for egress", () => {
    const policyTypes = (spec: JsonObject): unknown =>
      (carried(v1Object("StagedKubernetesNetworkPolicy", "shop/a", spec)).object.spec as JsonObject)
        .policyTypes;
    assert.deepEqual(policyTypes({}), ["Ingress"]);
    assert.deepEqual(policyTypes({ egress: [{}] }), ["Ingress", "Egress"]);
    assert.deepEqual(policyTypes({ egress: [{}], policyTypes: ["Egress"] }), ["Egress"]);
  });
});

test("a tier has an order and an action, as Calico reads it", () => {
  const spec = (tier: JsonObject | undefined): unknown => carried(v1Object("Tier", "t", tier)).object.spec;
  assert.deepEqual(spec(undefined), { order: 1_000_000, defaultAction: "Deny" });
  assert.deepEqual(spec({ order: 0, defaultAction: null }), { order: 0, defaultAction: "Deny" });
});

describe("bugs of upstream's copy", () => {
  const spec = (kind: string, value: JsonObject): JsonObject =>
    carried(v1Object(kind, "a", value)).object.spec as JsonObject;

  test("the time at which an address was released is kept", () => {
    const attributes = [{ handle_id: "h", releasedAt: "2025-02-03T04:05:06Z" }];
    assert.deepEqual(spec("IPAMBlock", { cidr: "10.0.0.0/30", attributes }).attributes, attributes);
  });

  test("a handle with upper-case letters gets a valid name and keeps its id", () => {
    const { target, object } = carried(
      v1Object("IPAMHandle", "myhandle-abc", { handleID: "MyHandle-ABC", block: {} }),
    );
    assert.deepEqual([target.name, (object.spec as JsonObject).handleID], ["myhandle-abc", "MyHandle-ABC"]);
  });

  for (const [kind, value] of [
    ["IPAMBlock", { cidr: "10.0.0.0/30" }],
    ["IPAMHandle", { handleID: "a", block: {} }],
  ] as const) {
    test(`an ${kind} keeps labels, annotations and owners`, () => {
      const owner = { apiVersion: "v1", kind: "ConfigMap", name: "c", uid: "1" };
      const stored = { labels: { a: "b" }, annotations: { c: "d" }, ownerReferences: [owner] };
      const { metadata } = carried(v1Object(kind, "a", value, stored)).object;
      const { labels, annotations, ownerReferences } = metadata;
      assert.deepEqual({ labels, annotations, ownerReferences }, stored);
    });
  }

  test("an affinity is deleted however true is spelt", () => {
    const deleted = (value: string | undefined): unknown =>
      spec("BlockAffinity", { cidr: "10.0.0.0/30", deleted: value, node: "n", state: "confirmed" }).deleted;
    assert.deepEqual(["true", "True", "1", "false", "0", "", undefined].map(deleted), [
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  test("an empty affinity of a block, which native CRDs refuse, is left out", () => {
    assert.equal("affinity" in spec("IPAMBlock", { cidr: "10.0.0.0/30", affinity: "" }), false);
  });

  test("numbers of the IPAM configuration are not cut to 32 bits", () => {
    assert.equal(spec("IPAMConfig", { maxBlocksPerHost: 4_294_967_301 }).maxBlocksPerHost, 4_294_967_301);
  });

  test("lists that mean something when they are empty are kept", () => {
    assert.deepEqual(spec("FelixConfiguration", { failsafeOutboundHostPorts: [] }), {
      failsafeOutboundHostPorts: [],
    });
  });

  test("what Calico cannot decode is named, not left out", () => {
    const metadata = { annotations: { "projectcalico.org/metadata": "{not json" } };
    assert.equal(broken(v1Object("GlobalNetworkSet", "a", {}, null, metadata)).code, "METADATA_INVALID");
  });
});

test("block sequence numbers keep every digit", () => {
  const block = NATIVE_SAMPLES.find(({ kind }) => kind === "IPAMBlock");
  assert.ok(block);
  assert.match(
    JSON.stringify(carried(block.v1).object),
    /"sequenceNumber":1732178291123456789,"sequenceNumberForAllocation":\{"0":1732178291123456788\}/,
  );
});
