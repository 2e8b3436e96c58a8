import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../shared/json.ts";
import { changesOf } from "./changes.ts";

function policies(count: number): JsonObject[] {
  return Array.from({ length: count }, (_, index) => ({
    apiVersion: "crd.projectcalico.org/v1",
    kind: "NetworkPolicy",
    metadata: { name: `platform.p-${index}`, namespace: "shop", uid: "u", resourceVersion: "7" },
    spec: { tier: "platform", order: 1 },
  }));
}

test("changes are of all kinds, each of another object", () => {
  const changes = changesOf(policies(20));
  const methods = changes.map(({ method }) => method);
  assert.deepEqual(
    ["POST", "DELETE", "PATCH"].map((method) => methods.filter((one) => one === method).length),
    [6, 6, 8],
  );
  const touched = changes.filter(({ method }) => method !== "POST").map(({ path }) => path);
  assert.equal(new Set(touched).size, touched.length);
});

test("what is created keeps its tier in its name and has nothing of the other's identity", () => {
  const [creation] = changesOf(policies(1));
  assert.equal(creation?.path, "/apis/crd.projectcalico.org/v1/namespaces/shop/networkpolicies");
  assert.deepEqual(creation.body?.["metadata"], {
    name: "platform.bench-0",
    namespace: "shop",
    annotations: { "projectcalico.org/metadata": '{"name":"platform.bench-0"}' },
  });
});
