import assert from "node:assert/strict";
import { test } from "node:test";
import { Snapshot } from "./snapshot.ts";

test("order does not matter, content does", () => {
  const one = new Snapshot([
    ["b", "2"],
    ["a", "1"],
  ]);
  const same = new Snapshot([
    ["a", "1"],
    ["b", "2"],
  ]);
  assert.equal(one.hash, same.hash);
  assert.notEqual(one.hash, new Snapshot([["a", "1"]]).hash);
  // Ids and contents must not run into each other.
  assert.notEqual(new Snapshot([["ab", "c"]]).hash, new Snapshot([["a", "bc"]]).hash);
});

test("changes name what was added, removed and changed", () => {
  const before = new Snapshot([
    ["kept", "1"],
    ["gone", "1"],
    ["changed", "1"],
  ]);
  const after = new Snapshot([
    ["kept", "1"],
    ["changed", "2"],
    ["new", "1"],
  ]);
  assert.deepEqual(before.changesUntil(after), [
    { id: "changed", before: "1", after: "2" },
    { id: "gone", before: "1", after: undefined },
    { id: "new", before: undefined, after: "1" },
  ]);
  assert.deepEqual(before.changesUntil(before), []);
});
