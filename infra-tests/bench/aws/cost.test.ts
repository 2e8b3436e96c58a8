import assert from "node:assert/strict";
import { test } from "node:test";
import { bill, modelOf, total, type Usage, usageFor } from "./cost.ts";

const NOTHING: Usage = {
  ...{ writeUnits: 0, readUnits: 0, invocations: 0, gigabyteSeconds: 0, queueRequests: 0, events: 0 },
  ...{ schedules: 0, objectWrites: 0, objectReads: 0, secretReads: 0, logGigabytes: 0, traces: 0 },
};

test("a bill adds up what each quantity costs for so many of it", () => {
  const usage = { ...NOTHING, writeUnits: 2_000_000, queueRequests: 500_000, objectWrites: 10 };
  const lines = bill(usage);
  assert.deepEqual(
    lines.filter(({ usd }) => usd > 0).map(({ quantity, usd }) => [quantity, usd]),
    [
      [2_000_000, 1.25],
      [500_000, 0.2],
      [10, 0.00005],
    ],
  );
  assert.equal(total(lines), 1.45005);
});

test("two sizes tell what is used in any case, and what for each resource", () => {
  const small = { resources: 100, usage: { ...NOTHING, writeUnits: 1_500, events: 40, objectReads: 9 } };
  const large = { resources: 1_100, usage: { ...NOTHING, writeUnits: 11_500, events: 40, objectReads: 8 } };
  const expected = { ...NOTHING, writeUnits: 100_500, events: 40, objectReads: 9 };
  assert.deepEqual(usageFor(modelOf(small, large), 10_000), expected);
  assert.throws(() => modelOf(large, small), /not more/);
});
