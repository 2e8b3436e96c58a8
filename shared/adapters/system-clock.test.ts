import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { SystemClock } from "./system-clock.ts";

describe("SystemClock", () => {
  test("tells the time of the machine", () => {
    const before = Date.now();
    const now = new SystemClock().now();

    assert.ok(now >= before && now <= Date.now());
  });

  test("a signal ends a sleep, and prevents one", { timeout: 60_000 }, async () => {
    const clock = new SystemClock();
    const stop = new AbortController();
    const sleeping = clock.sleep(3_600_000, stop.signal);

    stop.abort();

    await sleeping;
    await clock.sleep(3_600_000, stop.signal);
  });

  test("sleeps longer than a timer can wait", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const days40 = 40 * 24 * 60 * 60 * 1000;
    let awake = false;
    const sleeping = new SystemClock().sleep(days40).then(() => (awake = true));

    mock.timers.tick(2 ** 31 - 1);
    await Promise.resolve();
    await Promise.resolve();
    assert.equal(awake, false);
    mock.timers.tick(days40 - 2 ** 31 + 1);

    assert.equal(await sleeping, true);
    mock.timers.reset();
  });
});
