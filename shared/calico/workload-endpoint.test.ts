import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { workloadEndpointOf } from "./workload-endpoint.ts";

function pod(changes: { spec?: JsonObject; status?: JsonObject } = {}): JsonObject {
  return {
    metadata: {
      name: "web-0",
      namespace: "shop",
      labels: { app: "web" },
      annotations: { "cni.projectcalico.org/containerID": "abc" },
    },
    spec: {
      nodeName: "worker-1",
      serviceAccountName: "default",
      containers: [{ ports: [{ name: "http", containerPort: 8080 }, { containerPort: 9000 }] }],
      ...changes.spec,
    },
    status: { phase: "Running", podIPs: [{ ip: "10.0.0.7" }, { ip: "fd00::7" }], ...changes.status },
  };
}

const sameName = (name: string): string => name;

describe("workloadEndpointOf", () => {
  test("is stored under the node, the pod and the endpoint, dashes doubled", () => {
    const found = workloadEndpointOf(pod(), () => "host-a");

    assert.equal(
      found?.key,
      "/calico/resources/v3/projectcalico.org/workloadendpoints/shop/host--a-k8s-web--0-eth0",
    );
    assert.equal(found.containerId, "abc");
    assert.equal((found.value["spec"] as JsonObject)["node"], "host-a");
  });

  test("has the pod's addresses, profiles, interface and named ports", () => {
    const spec = workloadEndpointOf(pod(), sameName)?.value["spec"] as JsonObject;

    assert.deepEqual(spec["ipNetworks"], ["10.0.0.7/32", "fd00::7/128"]);
    assert.deepEqual(spec["profiles"], ["kns.shop", "ksa.shop.default"]);
    // The first 11 digits of sha1("shop.web-0"), as the CNI plugin names the interface.
    assert.equal(spec["interfaceName"], "calia4fc3c48bd8");
    assert.deepEqual(
      (spec["ports"] as JsonObject[]).map(({ name, port, protocol }) => [name, port, protocol]),
      [["http", 8080, "TCP"]],
    );
  });

  test("has the labels of the pod and Calico's own", () => {
    const metadata = workloadEndpointOf(pod(), sameName)?.value["metadata"] as JsonObject;

    assert.deepEqual(metadata["labels"], {
      app: "web",
      "projectcalico.org/namespace": "shop",
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "default",
    });
  });

  for (const [why, changes] of [
    ["on the host's network", { spec: { hostNetwork: true } }],
    ["not scheduled", { spec: { nodeName: "" } }],
    ["finished", { status: { phase: "Succeeded" } }],
    ["without an address", { status: { podIPs: [] } }],
  ] as const) {
    test(`a pod ${why} has none`, () => {
      assert.equal(
        workloadEndpointOf(pod(changes as { spec?: JsonObject; status?: JsonObject }), sameName),
        undefined,
      );
    });
  }

  test("what is not a pod has none", () => {
    assert.equal(workloadEndpointOf({ metadata: {} }, sameName), undefined);
  });
});
