import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { inGroups } from "./groups.ts";

describe("groups of a request", () => {
  const limits = { count: 3, bytes: 10 };
  const group = (sizes: number[]) => inGroups(sizes, limits, (size) => size);

  test("are closed by the count, by the bytes, and around what is too large", () => {
    assert.deepEqual(group([1, 1, 1, 1]), [[1, 1, 1], [1]]);
    assert.deepEqual(group([4, 6, 1]), [[4, 6], [1]]);
    assert.deepEqual(group([1, 11, 1]), [[1], [11], [1]]);
    assert.deepEqual(group([]), []);
  });

  test("hold every item once, in order, within the limits, and as many as fit", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(14)), (sizes) => {
        const groups = group(sizes);
        const sum = (items: number[]) => items.reduce((total, size) => total + size, 0);

        assert.deepEqual(groups.flat(), sizes);
        for (const [index, items] of groups.entries()) {
          assert.ok(items.length === 1 || (items.length <= limits.count && sum(items) <= limits.bytes));
          const next = groups[index + 1]?.[0];
          assert.ok(next === undefined || items.length === limits.count || sum(items) + next > limits.bytes);
        }
      }),
    );
  });
});
