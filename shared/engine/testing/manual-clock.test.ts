import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "./manual-clock.ts";

describe("ManualClock", () => {
  test("stands still until it is advanced", () => {
    const clock = new ManualClock(1_000);

    clock.advance(250);

    assert.equal(clock.now(), 1_250);
  });

  test("wakes sleepers in the order in which they are due, and only those", async () => {
    const clock = new ManualClock();
    const woken: string[] = [];
    const late = clock.sleep(200).then(() => woken.push("late"));
    const early = clock.sleep(100).then(() => woken.push("early"));
    void clock.sleep(201).then(() => woken.push("never"));

    clock.advance(200);
    await Promise.all([late, early]);

    assert.deepEqual(woken, ["early", "late"]);
    assert.equal(clock.sleepers, 1);
  });

  test("a signal ends a sleep", async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const sleeping = clock.sleep(1_000, stop.signal);

    stop.abort();
    await sleeping;
    await clock.sleep(1_000, stop.signal);

    assert.equal(clock.sleepers, 0);
  });

  test("runs work to its end, moving on whenever it sleeps", async () => {
    const clock = new ManualClock(0);
    const work = async () => {
      for (let i = 0; i < 10; i += 1) await clock.sleep(60_000);
      return "done";
    };

    assert.equal(await clock.runUntil(work()), "done");
    assert.equal(clock.now(), 600_000);
  });

  test("gives up on work that takes longer than the limit, and passes errors on", async () => {
    const clock = new ManualClock();

    await assert.rejects(clock.runUntil(clock.sleep(2_000), 1_000), /not done within 1000 ms/);
    await assert.rejects(clock.runUntil(Promise.reject(new Error("broken"))), /broken/);
  });
});
