import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { objectsAt } from "./fields.ts";
import { hasTraces, releasePatch } from "./released-fields.ts";

const V3 = "example.org/v3";
const isOurs = (manager: string) => manager === "us";
const renamed = { "example.org/second": V3 };

function entry(manager: string, fieldsV1: JsonObject, more: JsonObject = {}): JsonObject {
  return { manager, operation: "Apply", apiVersion: V3, fieldsType: "FieldsV1", fieldsV1, ...more };
}

function object(managedFields: JsonObject[], spec: JsonObject = { size: 1, nets: ["a", "b"] }): JsonObject {
  return { metadata: { name: "x", uid: "u", resourceVersion: "7", labels: { a: "b" }, managedFields }, spec };
}

function after(of: JsonObject, carried: JsonObject[] = []): JsonObject[] {
  return objectsAt(releasePatch(of, { isOurs, renamed, carried }) ?? {}, "metadata", "managedFields");
}

const spec = (below: JsonObject): JsonObject => ({ "f:spec": below });

suite("releasing fields", () => {
  test("takes the entries of a manager, and only while the object is as it was read", () => {
    const others = entry("others", spec({ "f:size": {} }));
    const ours = entry("us", spec({ "f:nets": {} }));
    const patch = releasePatch(object([ours, others]), { isOurs });
    assert.deepEqual(patch, { metadata: { uid: "u", resourceVersion: "7", managedFields: [others] } });
  });

  test("does nothing where there is nothing of it, whatever could be carried", () => {
    const carried = [entry("others", spec({ "f:nets": {} }))];
    const untouched = object([entry("others", spec({ "f:size": {} }))]);
    assert.equal(releasePatch(untouched, { isOurs, renamed, carried }), undefined);
    assert.equal(hasTraces(untouched, { isOurs, renamed }), false);
  });

  test("of the last entry leaves the one empty entry by which an API server strips them all", () => {
    assert.deepEqual(after(object([entry("us", spec({ "f:size": {} }))])), [{}]);
  });

  test("writes entries of a version that goes under the one that stays, together with those it has already", () => {
    const second = { apiVersion: "example.org/second" };
    const entries = [
      entry("others", spec({ "f:size": {} }), second),
      entry("others", spec({ "f:nets": { 'v:"a"': {} } })),
      entry("others", spec({ "f:size": {} }), { ...second, operation: "Update" }),
    ];
    const [applied, updated] = after(object(entries));
    assert.deepEqual(applied?.["fieldsV1"], spec({ "f:size": {}, "f:nets": { 'v:"a"': {} } }));
    assert.deepEqual([updated?.["operation"], updated?.["apiVersion"]], ["Update", V3]);
  });

  test("gives to whom it carries what the object has, and nothing else", () => {
    const fieldsV1 = {
      "f:metadata": { "f:labels": { ".": {}, "f:a": {}, "f:gone": {} }, "f:annotations": { "f:gone": {} } },
      "f:spec": {
        "f:nets": { ".": {}, 'v:"a"': {}, 'v:"c"': {} },
        "f:ports": { 'k:{"port":1}': { ".": {}, "f:port": {} }, 'k:{"port":2}': { ".": {} } },
        "f:first": { "i:0": {}, "i:1": {} },
        "f:gone": {},
      },
    };
    const of = object([entry("us", {})], { nets: ["a", "b"], ports: [{ port: 1 }], first: [0] });
    const [carried] = after(of, [entry("others", fieldsV1)]);
    assert.deepEqual(carried?.["fieldsV1"], {
      "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
      "f:spec": {
        "f:nets": { ".": {}, 'v:"a"': {} },
        "f:ports": { 'k:{"port":1}': { ".": {}, "f:port": {} } },
        "f:first": { "i:0": {} },
      },
    });
    assert.deepEqual(after(of, [entry("others", spec({ "f:gone": {} }))]), [{}]);
    assert.deepEqual(after(of, [entry("us", spec({ "f:nets": {} }))]), [{}]);
  });

  test("unites what an owner has with what it had, the later time with it, and keeps the field itself apart from its members", () => {
    const now = entry("others", spec({ "f:nets": {} }), { time: "2026-01-01T00:00:00Z" });
    const before = entry("others", spec({ "f:nets": { 'v:"a"': {} }, "f:size": {} }), {
      time: "2025-01-01T00:00:00Z",
    });
    const [one = {}] = after(object([entry("us", {}), now]), [before]);
    assert.deepEqual(one["fieldsV1"], spec({ "f:nets": { ".": {}, 'v:"a"': {} }, "f:size": {} }));
    assert.equal(one["time"], "2026-01-01T00:00:00Z");
  });
});
