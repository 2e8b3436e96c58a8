import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { changesBetween } from "./facts.ts";

const PLANNED = {
  "check access": "pass",
  "check other-runs": "pass",
  "check target-empty": "pass",
  "found version": "v3.30.0",
  "resources IPPool": "2",
};

describe("what has changed since a plan was made", () => {
  test("is told with both, the checks that fail first", () => {
    const now = { ...PLANNED, "check target-empty": "1 object is there (0a1b)", "check access": "unknown" };
    assert.deepEqual(changesBetween(PLANNED, { ...now, "resources IPPool": "3" }), [
      "check target-empty: planned pass, now 1 object is there (0a1b)",
      "check access: planned pass, now unknown",
      "resources IPPool: planned 2, now 3",
    ]);
  });

  test("is not what nobody could look at any more, once a check had failed", () => {
    const now = { "check access": "pass", "check other-runs": "run a is under way (0a1b)" };
    assert.deepEqual(changesBetween(PLANNED, now), [
      "check other-runs: planned pass, now run a is under way (0a1b)",
    ]);
  });

  test("is what is gone, where everything was looked at", () => {
    const { "found version": _version, ...now } = PLANNED;
    assert.deepEqual(changesBetween(PLANNED, now), ["found version: planned v3.30.0, now nothing"]);
  });
});
