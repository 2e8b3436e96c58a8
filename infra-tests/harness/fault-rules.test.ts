import assert from "node:assert/strict";
import { test } from "node:test";
import { FaultRules } from "./fault-rules.ts";

const drop = { type: "dropBefore" } as const;

function decisions(rules: FaultRules, requests: number): number[] {
  return Array.from({ length: requests }, (_, index) => index).filter(
    () => rules.decide("POST", "/apis/x?limit=1") !== undefined,
  );
}

test("a rule spares the first, hits so many, and then is used up", () => {
  const rules = new FaultRules();
  const rule = rules.add({ fault: drop, skip: 2, count: 3 });
  assert.deepEqual(decisions(rules, 10), [2, 3, 4]);
  assert.equal(rule.hits, 3);
});

test("a rule is for the methods and paths that it names", () => {
  const rules = new FaultRules();
  rules.add({ fault: drop, methods: ["POST", "PATCH"], path: /\/tiers(\?|$)/ });
  assert.equal(rules.decide("GET", "/apis/tiers"), undefined);
  assert.equal(rules.decide("POST", "/apis/tiersandmore"), undefined);
  assert.equal(rules.decide("PATCH", "/apis/tiers?x=1"), drop);
});

test("chances come out the same every time, and as often as asked for", () => {
  const hits = (seed: number) => {
    const rules = new FaultRules();
    rules.add({ fault: drop, probability: 0.25, seed });
    return decisions(rules, 2_000);
  };
  assert.deepEqual(hits(7), hits(7));
  assert.notDeepEqual(hits(7), hits(8));
  assert.ok(Math.abs(hits(7).length - 500) < 80, String(hits(7).length));
});

test("the first rule that applies decides; removed and cleared rules do not", () => {
  const rules = new FaultRules();
  const stall = { type: "stall" } as const;
  const first = rules.add({ fault: stall, count: 1 });
  rules.add({ fault: drop });
  assert.equal(rules.decide("GET", "/"), stall);
  assert.equal(rules.decide("GET", "/"), drop);
  first.remove();
  rules.clear();
  assert.equal(rules.decide("GET", "/"), undefined);
});
