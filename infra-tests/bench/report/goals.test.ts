import assert from "node:assert/strict";
import { test } from "node:test";
import { atLeast, atMost, goalLine } from "./goals.ts";

test("a goal is met at its limit, and missed beyond it", () => {
  assert.deepEqual([atLeast("speed", 0.9, 0.9).met, atLeast("speed", 0.89, 0.9).met], [true, false]);
  assert.deepEqual([atMost("growth", 1.5, 1.5).met, atMost("growth", 1.51, 1.5).met], [true, false]);
});

test("a figure that is no number meets no goal", () => {
  assert.equal(atLeast("speed", NaN, 0.9).met, false);
  assert.equal(atMost("growth", NaN, 1.5).met, false);
  assert.match(goalLine(atMost("growth", NaN, 1.5)), /: no verdict$/);
});

test("the line says which way is good, and how it came out", () => {
  assert.equal(goalLine(atMost("growth", 1.7, 1.5)), "goal: growth: 1.70 (at most 1.5): missed");
});
