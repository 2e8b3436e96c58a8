import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aRun } from "../shared/engine/contract/fixtures.ts";
import type { RunRecord } from "../shared/engine/records.ts";
import { findRun, isUnfinished, isWorthUndoing } from "./runs.ts";

const FAILED = aRun({ runId: "failed", cluster: "east", state: "Failed", holdsCluster: false });
const BEGUN = aRun({ runId: "begun", cluster: "east", state: "Running", holdsCluster: false });
const HOLDS = aRun({ runId: "holds", cluster: "east", state: "Waiting", holdsCluster: true });
const DONE = aRun({ runId: "done", cluster: "east", state: "Succeeded", holdsCluster: false });
const WEST = aRun({ runId: "west", cluster: "west", state: "Waiting", holdsCluster: true });

async function found(fits: (run: RunRecord) => boolean, ...runs: RunRecord[]): Promise<string> {
  const store = {
    listRuns: () => Promise.resolve({ items: runs }),
    getRun: () => Promise.resolve(undefined),
  };
  try {
    return (await findRun(store, undefined, fits)).runId;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const AMBIGUOUS = "RUN_AMBIGUOUS";
const NONE = "RUN_NONE_FITS";

const CASES: [name: string, runs: RunRecord[], unfinished: string, undoable: string][] = [
  ["one that failed before it changed anything", [FAILED], "failed", NONE],
  ["that and one that holds the cluster", [HOLDS, FAILED], "holds", "holds"],
  ["that and one that has begun since", [BEGUN, FAILED], "begun", "begun"],
  ["that and one that has succeeded since", [DONE, FAILED], "failed", "done"],
  ["one that holds the cluster and one that succeeded before", [HOLDS, DONE], "holds", "holds"],
  ["two that have begun", [BEGUN, { ...BEGUN, runId: "other" }], AMBIGUOUS, AMBIGUOUS],
  ["one that holds another cluster", [WEST, BEGUN], AMBIGUOUS, AMBIGUOUS],
  ["one that failed while it held the cluster", [{ ...HOLDS, state: "Failed" }], "holds", "holds"],
];

describe("of the runs", () => {
  for (const [name, runs, unfinished, undoable] of CASES)
    test(`${name}, what acts on the one under way finds ${unfinished}, and rollback ${undoable}`, async () => {
      assert.equal(await found(isUnfinished, ...runs), unfinished);
      assert.equal(await found(isWorthUndoing, ...runs), undoable);
    });
});
