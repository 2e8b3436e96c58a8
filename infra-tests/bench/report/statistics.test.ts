import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { median, perSecond, ratios, spread } from "./statistics.ts";

test("the median is the middle value whatever the order, and the mean of two middle ones", () => {
  assert.equal(median([9, 1, 10]), 9);
  assert.equal(median([10, 1, 2, 4]), 3);
  assert.equal(median([7]), 7);
  assert.throws(() => median([]), /no values/);
});

test("half of the values are not above the median, and half not below", () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
      const middle = median(values);
      assert.ok(values.filter((value) => value <= middle).length * 2 >= values.length);
      assert.ok(values.filter((value) => value >= middle).length * 2 >= values.length);
    }),
  );
});

test("ratios are taken pair by pair, not of the sums", () => {
  assert.deepEqual(
    ratios([
      { ours: 90, theirs: 100 },
      { ours: 5, theirs: 10 },
    ]),
    [0.9, 0.5],
  );
});

test("the spread is the largest over the smallest", () => {
  assert.equal(spread([20, 10, 15]), 2);
  assert.equal(spread([3]), 1);
});

test("a rate counts by the second", () => {
  assert.equal(perSecond(500, 250), 2000);
});
