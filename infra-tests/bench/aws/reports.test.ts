import assert from "node:assert/strict";
import { test } from "node:test";
import { gigabyteSeconds, parseReport } from "./reports.ts";

test("a report tells what is billed, and no other line does", () => {
  const line = "REPORT RequestId: 5d2e\tDuration: 120.50 ms\tBilled Duration: 121 ms\tMemory Size: 1024 MB\n";
  assert.deepEqual(parseReport(line), { durationMs: 120.5, billedMs: 121, memoryMb: 1024 });
  assert.equal(parseReport("START RequestId: 5d2e Version: $LATEST\n"), undefined);
  assert.equal(parseReport('{"message":"REPORT RequestId: 5d2e"}'), undefined);
});

test("invocations are billed by memory and duration", () => {
  const half = { durationMs: 1, billedMs: 1_000, memoryMb: 512 };
  const two = { durationMs: 1, billedMs: 500, memoryMb: 4_096 };
  assert.equal(gigabyteSeconds([half, two]), 2.5);
});
