import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AGAIN, untilSettled } from "./retry.ts";

const policy = { attempts: 4, requests: 1, baseMs: 1, maxMs: 2 };

describe("attempts", () => {
  test("go on until one has a result", async () => {
    let attempts = 0;

    const result = await untilSettled(policy, "it", () =>
      Promise.resolve((attempts += 1) < 3 ? AGAIN : "done"),
    );

    assert.equal(result, "done");
    assert.equal(attempts, 3);
  });

  test("end with the result undefined as with any other", async () => {
    const none: string | undefined = undefined;

    assert.equal(await untilSettled<string | undefined>(policy, "it", () => Promise.resolve(none)), none);
  });

  test("are not endless", async () => {
    let attempts = 0;
    const work = untilSettled(policy, "the stage", () => {
      attempts += 1;
      return Promise.resolve(AGAIN);
    });

    await assert.rejects(work, { code: "STORE_BUSY", retryable: true, message: /the stage/ });
    assert.equal(attempts, 4);
  });

  test("end with the first error", async () => {
    await assert.rejects(
      untilSettled(policy, "it", () => Promise.reject(new Error("broken"))),
      /broken/,
    );
  });
});
