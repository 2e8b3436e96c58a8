import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { carriedManagers } from "./carried-managers.ts";

const fieldsV1 = { "f:spec": { "f:nets": {} } };

function entry(
  manager: string,
  operation: "Apply" | "Update",
  version = "crd.projectcalico.org/v1",
): JsonObject {
  return { manager, operation, apiVersion: version, fieldsType: "FieldsV1", fieldsV1 };
}

function v1(own: JsonObject[], annotation?: string): JsonObject {
  const annotations = annotation === undefined ? {} : { "projectcalico.org/metadata": annotation };
  return { metadata: { name: "x", annotations, managedFields: own } };
}

const shown = (...managedFields: JsonObject[]) => JSON.stringify({ managedFields });
const names = (object: JsonObject) => carriedManagers(object).map((one) => textAt(one, "manager"));

describe("who manages a v1 object", () => {
  test("manages its native object, in the version of that", () => {
    const object = v1([entry("kustomize-controller", "Apply"), entry("kubectl-edit", "Update")]);
    assert.deepEqual(names(object), ["kustomize-controller", "kubectl-edit"]);
    assert.ok(carriedManagers(object).every(({ apiVersion }) => apiVersion === "projectcalico.org/v3"));
  });

  test("keeps nothing but the spec's being there where it only stores objects, or has no name", () => {
    const stores = ["calico-node", "calico-apiserver", "apiserver", "unknown", "", "node"];
    const carried = carriedManagers(v1(stores.map((manager) => entry(manager, "Update"))));
    assert.deepEqual(
      carried.map((one) => [one["manager"], one["fieldsV1"]]),
      stores.map((manager) => [manager, { "f:spec": {} }]),
    );
    assert.deepEqual(carriedManagers(v1([entry("calico-operator", "Apply")]))[0]?.["fieldsV1"], fieldsV1);
  });

  test("is told by the aggregated API, and by who applies to the old group itself", () => {
    const annotation = shown(
      entry("kubectl", "Apply", "projectcalico.org/v3"),
      entry("kubectl-edit", "Update"),
    );
    const object = v1([entry("Go-http-client", "Update"), entry("operator", "Apply")], annotation);
    assert.deepEqual(names(object), ["kubectl", "kubectl-edit", "operator"]);
  });

  test("is nobody where the annotation cannot be read, or holds something else", () => {
    for (const annotation of [
      "{",
      "[]",
      '{"managedFields":1}',
      '{"managedFields":[{},{"operation":"Apply"}]}',
    ])
      assert.deepEqual(names(v1([], annotation)), []);
  });
});
