import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { carried, refused } from "./testing/forwarding.ts";
import { FULL_NODE, FULL_NODE_ANNOTATIONS, resource, resourceKey } from "./testing/samples.ts";

describe("nodes", () => {
  const key = resourceKey("nodes", "rack1-a");

  test("become the annotations of the core Node that they refer to", () => {
    const { target, object } = carried(key, FULL_NODE);
    assert.deepEqual(target, { kind: "Node", plural: "nodes", apiVersion: "v1", name: "node-a.example" });
    assert.deepEqual(object, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node-a.example", annotations: FULL_NODE_ANNOTATIONS },
    });
  });

  test("annotations of what a node lacks must be absent", () => {
    const { object } = carried(key, resource("Node", "rack1-a", { bgp: { asNumber: 64512 } }));
    const { annotations } = object.metadata as { annotations: JsonObject };
    assert.deepEqual(Object.keys(annotations).sort(), Object.keys(FULL_NODE_ANNOTATIONS).sort());
    const present = Object.entries(annotations).filter(([, value]) => value !== null);
    assert.deepEqual(present, [["projectcalico.org/ASNumber", "64512"]]);
  });

  test("that are newer than the names known are carried by their own reference", () => {
    const spec = { orchRefs: [{ nodeName: "node-n", orchestrator: "k8s" }] };
    assert.equal(carried(resourceKey("nodes", "new"), resource("Node", "new", spec)).target.name, "node-n");
  });

  test("that refer to no Kubernetes node need consent", () => {
    const result = refused(resourceKey("nodes", "vm-1"), resource("Node", "vm-1", {}));
    assert.deepEqual(
      { ...result, reason: "" },
      { outcome: "uncarriable", code: "NODE_UNMAPPED", kind: "Node", name: "vm-1", reason: "" },
    );
  });

  for (const asNumber of ["1.2.3", "x", 4294967296, -1, true, "70000.1", {}]) {
    test(`an AS number of ${JSON.stringify(asNumber)} is refused`, () => {
      const result = refused(key, resource("Node", "rack1-a", { bgp: { asNumber } }));
      assert.deepEqual([result.outcome, result.reason], ["invalid", "spec.bgp.asNumber is not an AS number"]);
    });
  }
});
