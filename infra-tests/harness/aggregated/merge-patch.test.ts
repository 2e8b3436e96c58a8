import assert from "node:assert/strict";
import { test } from "node:test";
import { mergePatch } from "./merge-patch.ts";

test("members are merged, null removes, lists are replaced", () => {
  const target = { a: 1, b: { c: 2, d: 3 }, e: [1, 2] };
  assert.deepEqual(mergePatch(target, { a: null, b: { c: 4, x: { y: null, z: 1 } }, e: [3] }), {
    b: { c: 4, d: 3, x: { z: 1 } },
    e: [3],
  });
  assert.deepEqual(target, { a: 1, b: { c: 2, d: 3 }, e: [1, 2] });
});
