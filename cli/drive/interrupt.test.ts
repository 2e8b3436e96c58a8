import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../shared/engine/testing/manual-clock.ts";
import { fakeWorld } from "../testing/fake-world.ts";
import { Interrupt } from "./interrupt.ts";

test("the first Ctrl-C stops cleanly, its echo counts as the same, and the second one ends at once", (t) => {
  const clock = new ManualClock();
  const world = { ...fakeWorld(t), clock };
  const listening = new Interrupt(world);
  assert.equal(listening.signal.aborted, false);
  listening.request();
  assert.equal(listening.signal.aborted, true);
  assert.match(world.stderr.text, /stopping at the next safe point/);
  clock.advance(100);
  listening.request();
  assert.deepEqual(world.exits, []);
  clock.advance(1000);
  listening.request();
  assert.deepEqual(world.exits, [130]);
});

test("listens until it is disposed", (t) => {
  const world = fakeWorld(t);
  const interrupt = new Interrupt(world);
  interrupt[Symbol.dispose]();
  world.interrupt();
  assert.equal(interrupt.signal.aborted, false);
});
