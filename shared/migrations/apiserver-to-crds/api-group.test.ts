import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { foundVariables, usesNativeGroup, withFoundVariables, withNativeGroup } from "./api-group.ts";

const NATIVE = { name: "CALICO_API_GROUP", value: "projectcalico.org/v3" };
const OLD = { name: "CALICO_API_GROUP", valueFrom: { configMapKeyRef: { name: "calico", key: "group" } } };
const OTHER = { name: "DATASTORE_TYPE", value: "kubernetes" };

function workload(containers: JsonObject[], initContainers?: JsonObject[]): JsonObject {
  const lists = initContainers === undefined ? { containers } : { containers, initContainers };
  return { spec: { template: { spec: { hostNetwork: true, ...lists } } } };
}

/** The workload after a patch, which replaces whole lists. */
function patched(object: JsonObject, patch: JsonObject | undefined): JsonObject {
  const podOf = (one: JsonObject) => (one["spec"] as { template: { spec: JsonObject } }).template.spec;
  return { spec: { template: { spec: { ...podOf(object), ...(patch === undefined ? {} : podOf(patch)) } } } };
}

suite("CALICO_API_GROUP", () => {
  const before = workload(
    [{ name: "a" }, { name: "b", env: [OLD, OTHER] }, { name: "c", env: [OTHER] }],
    [{ name: "init", image: "x" }],
  );

  test("is set in every container, and only once", () => {
    const after = patched(before, withNativeGroup(before));
    assert.deepEqual(
      after,
      workload(
        [
          { name: "a", env: [NATIVE] },
          { name: "b", env: [NATIVE, OTHER] },
          { name: "c", env: [OTHER, NATIVE] },
        ],
        [{ name: "init", image: "x", env: [NATIVE] }],
      ),
    );
    assert.equal(withNativeGroup(after), undefined);
    assert.deepEqual([usesNativeGroup(before), usesNativeGroup(after)], [false, true]);
  });

  test("is put back exactly as it was found", () => {
    const after = patched(before, withNativeGroup(before));
    assert.deepEqual(patched(after, withFoundVariables(after, foundVariables(before))), before);
  });

  test("is left where somebody has changed it since, and where it is not remembered", () => {
    const changed = { name: "CALICO_API_GROUP", value: "crd.projectcalico.org/v1" };
    const present = workload([
      { name: "a", env: [changed] },
      { name: "new", env: [NATIVE] },
    ]);
    assert.equal(withFoundVariables(present, { a: null }), undefined);
  });
});
