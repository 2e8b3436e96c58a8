import assert from "node:assert/strict";
import { test } from "node:test";
import { busyShare, type CpuTimes } from "./machine.ts";

const core = (user: number, idle: number): CpuTimes => ({ times: { user, nice: 0, sys: 0, irq: 0, idle } });

test("the busy share is over all cores and only between the two readings", () => {
  const before = [core(1000, 1000), core(0, 5000)];
  assert.equal(busyShare(before, [core(1100, 1000), core(0, 5100)]), 0.5);
  assert.equal(busyShare(before, before), 0);
});
