import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureGoneBack } from "./gone-back.ts";

const CASES: [advice: string, afterwards: string][] = [
  ["Mend it.", "Mend it. Then start again."],
  ["Mend that, then `resume`.", "Mend that, then start again."],
  ["Mend the target and `resume`, or undo the run with `rollback`.", "Mend the target and start again."],
  [
    "Look at `calico-migrator diff r1`; mend the target and `resume`, or undo the run with `rollback`. By the names under which kubectl reaches them now: `kubectl delete tiers.v3precopy.projectcalico.org a`; `kubectl edit tiers.v3precopy.projectcalico.org b`.",
    "Mend the target and start again.",
  ],
  ["Stop who is named, then `resume`; or go back with `abort`.", "Stop who is named, then start again."],
  [
    "Mend what the API server names, then `resume`; or undo the restore with `rollback`.",
    "Mend what the API server names, then start again.",
  ],
  [
    "Let it through, then `resume`: the rehearsal is repeated.",
    "Let it through, then start again: the rehearsal is repeated.",
  ],
  [
    "What was copied went with them: undo the run with `rollback`, see that nobody deletes them, and start again.",
    "What was copied went with them: see that nobody deletes them, and start again.",
  ],
  [
    "Undo the run with `rollback`: what others did may not be there. Then start again.",
    "What others did may not be there. Then start again.",
  ],
  [
    "Where it is another one, undo the run with `rollback` and start again with the right one.",
    "Where it is another one, start again with the right one.",
  ],
  ["See what it waited for, then start again.", "See what it waited for, then start again."],
];

describe("the advice of a failure that a run has gone back for", () => {
  for (const [next, afterwards] of CASES)
    test(`"${next}" names nothing that can no longer be done`, () => {
      const failure = failureGoneBack({ code: "BROKEN", message: "it broke", next });
      assert.deepEqual(failure, {
        code: "BROKEN",
        message: "it broke",
        next: `Everything is undone. ${afterwards}`,
      });
    });
});
