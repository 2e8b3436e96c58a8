import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseExactJson } from "../../exact-json.ts";
import type { JsonObject } from "../../json.ts";
import { compareNative } from "./same-native.ts";
import { NATIVE_SAMPLES } from "./testing/samples.ts";
import { carried } from "./testing/v1-objects.ts";

function object(kind: string, spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: "projectcalico.org/v3", kind, metadata: { name: "a", ...metadata }, spec };
}

/** A native object as the API server gives it back through the second version. */
function readBack(native: JsonObject): JsonObject {
  const copy = parseExactJson(JSON.stringify(native)) as JsonObject;
  const metadata = {
    ...(copy.metadata as JsonObject),
    uid: "6a3c1c5e-0000-4000-8000-000000000000",
    resourceVersion: "123",
    creationTimestamp: "2026-01-01T00:00:00Z",
    managedFields: [{ manager: "calico-migrator" }],
    ownerReferences: [{ apiVersion: "projectcalico.org/v3", kind: "Tier", name: "t", uid: "1" }],
    finalizers: ["projectcalico.org/tier-controller"],
  };
  return { ...copy, apiVersion: "projectcalico.org/v3precopy", metadata, status: { conditions: [] } };
}

for (const { v1, path } of NATIVE_SAMPLES) {
  test(`the copy of ${path} means the same when it is read back`, () => {
    const native = carried(v1).object;
    assert.deepEqual(compareNative(native, readBack(native)), { same: true });
  });
}

describe("normalised copies are the same", () => {
  const rule = { action: "Allow" };
  const same: readonly (readonly [name: string, kind: string, one: JsonObject, other: JsonObject])[] = [
    ["empty lists", "NetworkSet", { nets: [] }, {}],
    ["nulls", "NetworkSet", { nets: null }, {}],
    [
      "empty lists within rules",
      "NetworkPolicy",
      { ingress: [{ ...rule, source: { nets: [] } }] },
      { ingress: [rule] },
    ],
    ["an empty list of rules", "GlobalNetworkPolicy", { ingress: [], selector: "" }, {}],
    [
      "false",
      "IPPool",
      { cidr: "10.0.0.0/16", disabled: false, natOutgoing: false },
      { cidr: "10.0.0.0/16" },
    ],
    [
      "the order of members",
      "NetworkPolicy",
      { ingress: [rule], order: 1 },
      { order: 1, ingress: [{ action: "Allow" }] },
    ],
    [
      "empty attributes",
      "IPAMBlock",
      { attributes: [{ handle_id: "h", secondary: {} }] },
      { attributes: [{ handle_id: "h" }] },
    ],
  ];
  for (const [name, kind, one, other] of same) {
    test(name, () => {
      assert.deepEqual(compareNative(object(kind, one), object(kind, other)), { same: true });
      assert.deepEqual(compareNative(object(kind, other), object(kind, one)), { same: true });
    });
  }

  test("defaults of the CRD", () => {
    const complete = (native: JsonObject): JsonObject => ({
      ...native,
      spec: { tier: "default", ...(native.spec as JsonObject) },
    });
    const [one, other] = [object("NetworkPolicy", {}), object("NetworkPolicy", { tier: "default" })];
    assert.deepEqual(compareNative(one, other, complete), { same: true });
    assert.deepEqual(compareNative(one, other), { same: false, paths: ["spec.tier"] });
  });

  test("notes of tools", () => {
    const annotations = {
      "kubectl.kubernetes.io/last-applied-configuration": "{}",
      "projectcalico.org/metadata": '{"labels":{"a":"b"}}',
      "migration.projectcalico.org/migrated-by": "x",
    };
    assert.deepEqual(compareNative(object("Tier", {}), object("Tier", {}, { annotations })), { same: true });
  });
});

describe("what differs is found", () => {
  const different: readonly (readonly [path: string, kind: string, one: JsonObject, other: JsonObject])[] = [
    ["spec.nets[0]", "NetworkSet", { nets: ["10.0.0.0/8"] }, { nets: ["10.0.0.0/9"] }],
    ["spec.nets", "NetworkSet", { nets: ["10.0.0.0/8"] }, { nets: [] }],
    ["spec.failsafeInboundHostPorts", "FelixConfiguration", { failsafeInboundHostPorts: [] }, {}],
    [
      "spec.controllers.policy",
      "KubeControllersConfiguration",
      { controllers: { policy: {} } },
      { controllers: {} },
    ],
    ["spec.nodeToNodeMeshEnabled", "BGPConfiguration", { nodeToNodeMeshEnabled: false }, {}],
    ["spec.order", "Tier", { order: 0 }, {}],
    ["spec.allocations[0]", "IPAMBlock", { allocations: [0] }, { allocations: [null] }],
    [
      "spec.ingress[0].from[0].namespaceSelector",
      "StagedKubernetesNetworkPolicy",
      { ingress: [{ from: [{ namespaceSelector: {} }] }] },
      { ingress: [{ from: [{}] }] },
    ],
    [
      "spec.podSelector.matchLabels.selector",
      "StagedKubernetesNetworkPolicy",
      { podSelector: { matchLabels: { selector: "", a: "b" } } },
      { podSelector: { matchLabels: { a: "b" } } },
    ],
    ["kind", "NetworkSet", {}, {}],
  ];
  for (const [path, kind, one, other] of different) {
    test(path, () => {
      const second = path === "kind" ? "Tier" : kind;
      assert.deepEqual(compareNative(object(kind, one), object(second, other)), {
        same: false,
        paths: [path],
      });
      assert.equal(compareNative(object(second, other), object(kind, one)).same, false);
    });
  }

  test("labels and annotations", () => {
    const one = object("Tier", {}, { labels: { team: "web" }, annotations: { note: "x" } });
    const other = object("Tier", {}, { labels: { team: "db" } });
    assert.deepEqual(compareNative(one, other), { same: false, paths: ["labels.team", "annotations"] });
  });

  test("the last digit of a sequence number", () => {
    const block = (digits: string): JsonObject =>
      object("IPAMBlock", parseExactJson(`{"sequenceNumber":${digits}}`) as JsonObject);
    assert.deepEqual(compareNative(block("1732178291123456789"), block("1732178291123456789")), {
      same: true,
    });
    assert.deepEqual(compareNative(block("1732178291123456789"), block("1732178291123456788")), {
      same: false,
      paths: ["spec.sequenceNumber"],
    });
  });

  test("at most 20 paths are given", () => {
    const nets = Array.from({ length: 50 }, (_, index) => `10.0.${index}.0/24`);
    const result = compareNative(
      object("NetworkSet", { nets }),
      object("NetworkSet", { nets: nets.map((net) => `${net}x`) }),
    );
    assert.equal(result.same ? 0 : result.paths.length, 20);
  });
});
