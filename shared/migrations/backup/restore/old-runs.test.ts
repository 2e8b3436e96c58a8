import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunRecord, StageRecord } from "../../../engine/records.ts";
import { checkStages } from "../../../engine/stage-list.ts";
import { restore } from "./index.ts";

/** The stages before a restore gave the fields of what it has written away. */
const OLD = [
  ...["preflight", "restore-crds", "rehearse", "lock", "restore", "restore-owners", "verify", "unlock"],
  ...["release-dependants", "restore-apiservice", "restore-dependants"],
];
const BACK = ["lock-again", "put-back", "unlock-as-found", "remove-crds"];

/** A run of such a version, in this stage of this track, as this version takes it up. */
function takeUp(track: RunRecord["track"], stage: string): void {
  const record = (name: string, on: RunRecord["track"]): StageRecord =>
    ({ stage: name, track: on, state: "done" }) as StageRecord;
  const forward = track === "forward" ? OLD.slice(0, OLD.indexOf(stage)) : OLD.slice(0, 8);
  const back = track === "forward" ? [] : BACK.slice(0, BACK.indexOf(stage));
  const records = [
    ...forward.map((name) => record(name, "forward")),
    ...back.map((name) => record(name, "rollback")),
  ];
  checkStages(
    restore,
    { runId: "restore-1a2b3c4d", migration: "restore", track, stage, stages: OLD },
    records,
  );
}

describe("a restore that an older version has begun", () => {
  test("goes on as long as it passes over nothing", () => {
    for (const stage of OLD.slice(0, 8)) takeUp("forward", stage);
  });

  test("is refused where it would pass over giving fields away", () => {
    for (const stage of OLD.slice(8))
      assert.throws(
        () => {
          takeUp("forward", stage);
        },
        { code: "RUN_STAGES_CHANGED", message: /would pass over release-fields, release-definitions/ },
      );
  });

  test("is taken back, and its fields are given away then", () => {
    for (const stage of BACK) takeUp("rollback", stage);
  });
});
