import assert from "node:assert/strict";
import { test } from "node:test";
import type { Check, Verdict } from "../check.ts";
import type { Facts } from "../facts.ts";

/** What a check is expected to say of some facts. */
export interface Expected {
  when: string;
  facts: Facts;
  verdict: Verdict["verdict"];
  /** What the message must say. */
  message?: RegExp;
  /** What the next step must say, where the check gives one of its own. */
  next?: RegExp;
  items?: readonly string[];
}

/** A test for each row. */
export function judged(check: Check, rows: readonly Expected[]): void {
  for (const { when, facts, verdict, message, next, items } of rows) {
    void test(`${check.id}: ${verdict} ${when}`, () => {
      const found = check.judge(facts);

      assert.equal(found.verdict, verdict, found.message);
      if (message !== undefined) assert.match(found.message, message);
      if (next !== undefined) assert.match(found.next ?? check.fix, next);
      if (items !== undefined) assert.deepEqual(found.items, items);
    });
  }
}
