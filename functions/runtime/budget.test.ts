import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { timeBudget } from "./budget.ts";

function abortedAfter(remainingMs: number, ms: number): boolean {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    using budget = timeBudget({ getRemainingTimeInMillis: () => remainingMs });
    mock.timers.tick(ms);
    return budget.signal.aborted;
  } finally {
    mock.timers.reset();
  }
}

describe("the time budget", () => {
  test("ends ten seconds before a long invocation's time is over", () => {
    assert.equal(abortedAfter(120_000, 109_999), false);
    assert.equal(abortedAfter(120_000, 110_000), true);
  });

  test("keeps a sixth of a short invocation", () => {
    assert.equal(abortedAfter(12_000, 9_999), false);
    assert.equal(abortedAfter(12_000, 10_000), true);
  });

  test("does not end once the invocation is over", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const budget = timeBudget({ getRemainingTimeInMillis: () => 1_000 });
    budget[Symbol.dispose]();
    mock.timers.tick(2_000);
    mock.timers.reset();
    assert.equal(budget.signal.aborted, false);
  });
});
