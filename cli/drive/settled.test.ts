import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aControl, aRun } from "../../shared/engine/contract/fixtures.ts";
import type { RunControl, RunRecord } from "../../shared/engine/records.ts";
import { needsPerson, waitsForDecision } from "./settled.ts";

const APPROVAL = {
  state: "Waiting",
  waiting: { reason: "Approval", message: "", subject: "unlock" },
} as const;
const LOCK = {
  datastore: "etcd",
  state: "locked",
  since: 0,
  told: true,
  forPersonMs: 0,
  lookAt: 1,
} as const;
const approved = { approvals: [{ subject: "unlock", by: "alice", at: 0 }] };

const CASES: [string, boolean, Partial<RunRecord>, Partial<RunControl>][] = [
  ["has succeeded", true, { state: "Succeeded" }, {}],
  ["has succeeded, and is to be rolled back", false, { state: "Succeeded" }, { undo: "rollback" }],
  ["is rolled back", true, { state: "RolledBack", track: "rollback" }, { undo: "rollback" }],
  ["runs", false, { state: "Running" }, {}],
  ["was not begun", false, { state: "Pending" }, {}],
  ["has failed", true, { state: "Failed" }, {}],
  ["has failed, and was resumed", false, { state: "Failed" }, { retries: 1 }],
  ["has failed again after it was resumed", true, { state: "Failed", retriesSeen: 1 }, { retries: 1 }],
  ["has failed, and is to pause", true, { state: "Failed" }, { pause: true }],
  ["waits for an approval", true, APPROVAL, {}],
  ["waits for an approval that is given", false, APPROVAL, approved],
  ["waits for an approval, or for the world", false, { ...APPROVAL, nextWakeAt: 1 }, {}],
  ["waits for an approval while locked", true, { ...APPROVAL, nextWakeAt: 1, lock: LOCK }, {}],
  [
    "waits for an approval, or for the world, while locked",
    false,
    { ...APPROVAL, waiting: { ...APPROVAL.waiting, retryAt: 1 }, lock: LOCK },
    {},
  ],
  [
    "waits for a conflict to be settled",
    true,
    { state: "Waiting", waiting: { reason: "Conflict", message: "" } },
    {},
  ],
  [
    "waits for a retry",
    false,
    { state: "Waiting", waiting: { reason: "Backoff", message: "" }, nextWakeAt: 1 },
    {},
  ],
  ["is paused", true, { state: "Waiting", waiting: { reason: "Paused", message: "" } }, { pause: true }],
  ["was paused, and is resumed", false, { state: "Waiting", waiting: { reason: "Paused", message: "" } }, {}],
  ["is to pause", false, { state: "Running" }, { pause: true }],
  ["waits for an approval, and is to pause", false, APPROVAL, { pause: true }],
];

describe("needsPerson", () => {
  for (const [name, settled, run, control] of CASES) {
    test(`a run that ${name} ${settled ? "needs a person" : "goes on by itself"}`, () => {
      assert.equal(needsPerson({ ...aRun(), ...run }, { ...aControl(), ...control }), settled);
    });
  }
});

describe("waitsForDecision", () => {
  const conflict = { state: "Waiting", waiting: { reason: "Conflict", message: "", retryAt: 1 } } as const;
  const cases: [string, boolean, Partial<RunRecord>, Partial<RunControl>][] = [
    ["waits for a conflict that it looks at again", true, conflict, {}],
    ["was told to look again", false, conflict, { retries: 1 }],
    ["is to be undone", false, conflict, { undo: "rollback" }],
    ["is to pause", false, conflict, { pause: true }],
    ["waits for an approval", false, APPROVAL, {}],
    ["runs", false, { state: "Running" }, {}],
  ];
  for (const [name, waits, run, control] of cases) {
    test(`a run that ${name} ${waits ? "does" : "does not"}`, () => {
      assert.equal(waitsForDecision({ ...aRun(), ...run }, { ...aControl(), ...control }), waits);
    });
  }
});
