import assert from "node:assert/strict";
import { test } from "node:test";
import { type CopyRound, copyGoals, copyNotes, copyRoundsTable } from "./copy-rounds.ts";

function round(ours: number, theirs: number, same = true): CopyRound {
  return { ours, theirs, same };
}

const THREE = { size: 1000, rounds: [round(900, 1000), round(960, 1000), round(1000, 1000)] };

test("a copy is judged by the median of its rounds' ratios, and shown from the smallest to the largest", () => {
  const [goal] = copyGoals([THREE]);
  assert.deepEqual([goal?.value, goal?.met], [0.96, true]);
  assert.deepEqual(copyRoundsTable([THREE]).rows, [
    ["1,000", "3", "900 / 960 / 1,000", "1,000 / 1,000 / 1,000", "0.90 / 0.96 / 1.00"],
  ]);
  assert.equal(copyNotes([THREE]).length, 1);
});

test("fewer than three rounds are told, by size", () => {
  const notes = copyNotes([THREE, { size: 50_000, rounds: [round(1, 1)] }]);
  assert.ok(notes.some((note) => /fewer than 3 rounds.*50,000/.test(note) && !note.includes("1,000")));
});

test("copies of unlike numbers of objects meet no goal", () => {
  const unlike = { size: 1000, rounds: [round(1000, 1000), round(1000, 1000, false)] };
  assert.equal(copyGoals([unlike])[0]?.met, false);
  assert.ok(copyNotes([unlike]).some((note) => note.endsWith("no verdict")));
});
