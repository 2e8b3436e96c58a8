import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../../../shared/json.ts";
import { leafDifferences } from "./leaves.ts";

const found = (before: Json | undefined, after: Json | undefined): string[] =>
  leafDifferences(before, after).map(({ path }) => path.join("."));

test("what only one side has is told down to its last members", () => {
  const after = { metadata: { labels: { a: "1", b: "2" } } };
  assert.deepEqual(found({}, after), ["metadata.labels.a", "metadata.labels.b"]);
  assert.deepEqual(found(after, {}), ["metadata.labels.a", "metadata.labels.b"]);
});

test("an empty object is a value of its own, in lists as well", () => {
  const [difference, ...others] = leafDifferences({ rules: [{ a: 1 }] }, { rules: [{ a: 1, source: {} }] });
  assert.deepEqual(difference, { path: ["rules", "0", "source"], before: undefined, after: {} });
  assert.equal(others.length, 0);
});

test("a value that becomes an object is one difference", () => {
  assert.deepEqual(found({ a: 1 }, { a: { b: 1 } }), ["a"]);
  assert.deepEqual(found({ a: null }, { a: { b: 1 } }), ["a"]);
});

test("there are differences exactly where canonical texts differ", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const value = JSON.parse(JSON.stringify(one)) as Json;
      const changed = JSON.parse(JSON.stringify(other)) as Json;
      assert.deepEqual(leafDifferences(value, JSON.parse(JSON.stringify(value)) as Json), []);
      assert.equal(
        leafDifferences({ value }, { value: changed }).length > 0,
        !isSame(value, changed),
        JSON.stringify([value, changed]),
      );
    }),
  );
});

function isSame(one: Json, other: Json): boolean {
  try {
    assert.deepEqual(one, other);
    return true;
  } catch {
    return false;
  }
}
