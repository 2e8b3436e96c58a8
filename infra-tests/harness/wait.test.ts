import assert from "node:assert/strict";
import { test } from "node:test";
import { inParallel } from "./parallel.ts";
import { StopWaiting, waitUntil } from "./wait.ts";

const options = { what: "the thing", timeoutMs: 60, intervalMs: 5 };

test("waitUntil returns the first value, whatever failed before", async () => {
  let tries = 0;
  const value = await waitUntil(options, () => {
    tries++;
    if (tries === 1) throw new Error("not yet");
    return tries === 3 ? "here" : undefined;
  });
  assert.deepEqual([value, tries], ["here", 3]);
});

test("waitUntil names what it waited for and the last failure", async () => {
  const never = () => Promise.reject(new Error("connection refused"));
  await assert.rejects(waitUntil(options, never), /the thing: not within 60 ms: connection refused/);
  await assert.rejects(
    waitUntil(options, () => false),
    /the thing: not within 60 ms$/,
  );
});

test("waitUntil gives up at once when a probe says so", async () => {
  const stop = () => Promise.reject(new StopWaiting("it ended"));
  await assert.rejects(waitUntil({ ...options, timeoutMs: 3_600_000 }, stop), /it ended/);
});

test("inParallel acts on everything once, and on no more than its width at a time", async () => {
  const seen: number[] = [];
  let [active, most] = [0, 0];
  await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++active);
    await new Promise(setImmediate);
    active--;
    seen.push(item);
  });
  assert.deepEqual([seen.sort(), most], [[1, 2, 3, 4, 5, 6, 7], 3]);
});

test("inParallel starts nothing more after a failure, and throws it", async () => {
  const started: number[] = [];
  const act = async (item: number) => {
    started.push(item);
    await new Promise(setImmediate);
    if (item === 2) throw new Error("two failed");
  };
  await assert.rejects(inParallel([1, 2, 3, 4, 5, 6], 2, act), /two failed/);
  assert.ok(started.length <= 4, `started ${started.join()}`);
});
