import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MigratorError } from "../errors.ts";
import { backoffMs, DEFAULT_RETRY, failureOf } from "./backoff.ts";

const POLICY = { maxAttempts: 5, firstDelayMs: 100, maxDelayMs: 1_000 };
const noJitter = () => 0;

describe("backoffMs", () => {
  test("doubles from the first delay up to the longest", () => {
    const delays = [1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(POLICY, attempt, noJitter));

    assert.deepEqual(delays, [100, 200, 400, 800, 1_000, 1_000]);
  });

  test("adds at most a quarter at random, and stays finite for any number of tries", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, jitter) => {
          const least = backoffMs(POLICY, attempt, noJitter);
          const delay = backoffMs(POLICY, attempt, () => jitter);

          assert.ok(delay >= least && delay <= least * 1.25 && delay <= 1_250, `${attempt}: ${delay}`);
          assert.ok(Number.isInteger(delay));
        },
      ),
    );
  });

  test("uses chance unless it is told otherwise", () => {
    const delays = new Set(Array.from({ length: 50 }, () => backoffMs(DEFAULT_RETRY, 16)));

    assert.ok(delays.size > 1);
  });

  test("the default keeps trying for about ten minutes", () => {
    const tries = Array.from({ length: DEFAULT_RETRY.maxAttempts - 1 }, (_, index) => index + 1);
    const total = tries.reduce((sum, attempt) => sum + backoffMs(DEFAULT_RETRY, attempt, () => 0.5), 0);

    assert.ok(total > 8 * 60_000 && total < 12 * 60_000, `${total} ms`);
  });
});

describe("failureOf", () => {
  test("tells code, message and next step of our errors, and no details", () => {
    const error = new MigratorError("REFUSED", "the field x was refused", {
      next: "Mend x.",
      details: { field: "x" },
    });

    assert.deepEqual(failureOf(error), {
      code: "REFUSED",
      message: "the field x was refused",
      next: "Mend x.",
    });
  });

  test("calls everything else a defect", () => {
    for (const thrown of [new TypeError("x is undefined"), "x is undefined"]) {
      const failure = failureOf(thrown);

      assert.equal(failure.code, "INTERNAL");
      assert.equal(failure.message, "x is undefined");
      assert.match(failure.next, /defect/);
    }
  });
});
