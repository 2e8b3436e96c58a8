import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { undoStages } from "./migration.ts";
import { action, migrationOf } from "./testing/stages.ts";

const undoOf = (...names: string[]) => ({ undo: names.map((name) => action(name)) });

const migration = migrationOf(
  [
    action("check"),
    action("copy", undefined, undoOf("delete-copies", "delete-namespaces")),
    action("lock", undefined, undoOf("unlock")),
    action("report"),
  ],
  [action("prove")],
);

function undoNames(...started: string[]): string[] {
  return undoStages(migration, new Set(started)).map(({ name }) => name);
}

describe("defineMigration", () => {
  test("gives back what it was given", () => {
    assert.deepEqual(
      migration.stages.map(({ name }) => name),
      ["check", "copy", "lock", "report"],
    );
  });

  test("refuses two stages of one name, wherever they stand", () => {
    const twice = /two stages named copy/;
    assert.throws(() => migrationOf([action("copy"), action("copy")]), twice);
    assert.throws(() => migrationOf([action("copy"), action("lock", undefined, undoOf("copy"))]), twice);
    assert.throws(() => migrationOf([action("lock", undefined, undoOf("copy", "copy"))]), twice);
    assert.throws(() => migrationOf([action("copy")], [action("copy")]), twice);
  });
});

describe("undoStages", () => {
  test("is the reverse order, each stage with its own steps in order", () => {
    assert.deepEqual(undoNames("check", "copy", "lock"), [
      "unlock",
      "delete-copies",
      "delete-namespaces",
      "prove",
    ]);
  });

  test("leaves out what has not started", () => {
    assert.deepEqual(undoNames("check", "copy"), ["delete-copies", "delete-namespaces", "prove"]);
    assert.deepEqual(undoNames("check"), ["prove"]);
  });
});
