import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aControl, aRun } from "./contract/fixtures.ts";
import type { RunControl, RunRecord, WaitingReason } from "./records.ts";
import { isSettled } from "./settled.ts";

function waiting(reason: WaitingReason, subject?: string): Partial<RunRecord> {
  const message = "why";
  return {
    state: "Waiting",
    waiting: subject === undefined ? { reason, message } : { reason, message, subject },
  };
}

const approvals = [{ subject: "unlock", by: "ann", at: 1 }];

const cases: [string, Partial<RunRecord>, Partial<RunControl>, boolean][] = [
  ["a new run", {}, {}, false],
  ["a running one", { state: "Running" }, {}, false],
  ["one that is being undone", { state: "RollingBack", track: "rollback" }, { undo: "rollback" }, false],
  ["a succeeded one", { state: "Succeeded" }, {}, true],
  ["a succeeded one that was resumed", { state: "Succeeded" }, { retries: 1 }, true],
  ["a succeeded one that is to be undone", { state: "Succeeded" }, { undo: "rollback", retries: 1 }, false],
  ["an undone one", { state: "RolledBack", track: "rollback" }, { undo: "rollback" }, true],
  ["an aborted one", { state: "Aborted", track: "rollback" }, { undo: "abort" }, true],
  ["a failed one", { state: "Failed" }, {}, true],
  ["a failed one that was resumed", { state: "Failed" }, { retries: 1 }, false],
  ["a failed one whose resume was honoured", { state: "Failed", retriesSeen: 1 }, { retries: 1 }, true],
  ["a failed one that is to be undone", { state: "Failed" }, { undo: "abort", retries: 1 }, false],
  [
    "one whose undoing failed before it turned",
    { state: "Failed", retriesSeen: 1 },
    { undo: "abort", retries: 1 },
    true,
  ],
  ["one whose undoing failed", { state: "Failed", track: "rollback" }, { undo: "abort" }, true],
  ["one at a gate", waiting("Gate"), {}, false],
  ["one in backoff", waiting("Backoff"), {}, false],
  ["one that waits for its window", waiting("Window"), {}, false],
  ["one that waits for approval", waiting("Approval", "unlock"), {}, true],
  ["one that waits for another approval", waiting("Approval", "lock"), { approvals }, true],
  ["one whose approval was given", waiting("Approval", "unlock"), { approvals }, false],
  ["one with a conflict", waiting("Conflict"), {}, true],
  ["a paused one", waiting("Paused"), { pause: true }, true],
  ["a paused one that was let go on", waiting("Paused"), { pause: false, retries: 1 }, false],
];

describe("isSettled", () => {
  for (const [what, run, control, expected] of cases) {
    test(`${what} is ${expected ? "" : "not "}settled`, () => {
      assert.equal(isSettled(aRun(run), aControl(control)), expected);
    });
  }
});
