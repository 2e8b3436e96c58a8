import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { isLeaving, leavingText } from "./leaving.ts";

const deletionTimestamp = "2026-12-01T00:00:00Z";

function shown(metadata: JsonObject): JsonObject {
  return { metadata: { annotations: { "projectcalico.org/metadata": JSON.stringify(metadata) } } };
}

describe("an object that is being deleted", () => {
  test("is told by its own metadata, or by those that Calico's API server keeps of it", () => {
    assert.equal(isLeaving({ metadata: { deletionTimestamp } }), true);
    assert.equal(isLeaving(shown({ deletionTimestamp })), true);
  });

  test("is not taken for one that lives, or whose metadata cannot be read", () => {
    const broken = { metadata: { annotations: { "projectcalico.org/metadata": "{deletionTimestamp" } } };
    for (const object of [{}, shown({ deletionTimestamp: null }), shown({ finalizers: ["a.org/b"] }), broken])
      assert.equal(isLeaving(object), false, JSON.stringify(object));
  });

  test("is told with all that holds it", () => {
    assert.equal(leavingText({ metadata: { deletionTimestamp } }), "it is being deleted");
    const both = {
      metadata: {
        ...(shown({ deletionTimestamp, finalizers: ["b.org/c"] })["metadata"] as JsonObject),
        finalizers: ["a.org/b"],
      },
    };
    assert.equal(leavingText(both), "it is being deleted, and held by a.org/b, b.org/c");
  });
});
