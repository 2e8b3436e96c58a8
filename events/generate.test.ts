import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { generate } from "./generate.ts";
import { SCHEMA_FOLDER, schemaChanges } from "./schema-files.ts";

describe("the committed schemas", () => {
  test("are those of the code: otherwise run `npm run generate:events`, which refuses what breaks senders or readers", () => {
    assert.deepEqual(schemaChanges(SCHEMA_FOLDER), { files: [], breaking: [] });
  });
});

describe("generating schemas", () => {
  let folder = "";
  let printed: string[] = [];
  const run = (...args: string[]) => generate(args, folder, (line) => printed.push(line));
  const edit = (file: string, change: (text: string) => string) => {
    writeFileSync(join(folder, file), change(readFileSync(join(folder, file), "utf8")));
  };

  beforeEach(() => {
    printed = [];
    folder = mkdtempSync(join(tmpdir(), "schemas-"));
    cpSync(SCHEMA_FOLDER, folder, { recursive: true });
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  test("changes nothing that is up to date", () => {
    assert.equal(run(), 0);
    assert.deepEqual(printed, []);
  });

  test("writes what is new and what breaks nothing", () => {
    rmSync(join(folder, "run.ended.v1.json"));
    edit("StartRun.v1.json", (text) => text.replace('"Starts a run', '"Begins a run'));

    assert.equal(run(), 0);
    assert.deepEqual(printed, ["updated: StartRun.v1.json", "updated: run.ended.v1.json"]);
    assert.deepEqual(schemaChanges(folder), { files: [], breaking: [] });
  });

  test("refuses what breaks senders, readers or a whole message, and writes nothing", () => {
    edit("run.ended.v1.json", (text) => text.replace('"state":', '"end":'));
    edit("PauseRun.v1.json", (text) => text.replace('"pattern": "^[a-z0-9-]{1,64}$",', ""));
    cpSync(join(folder, "run.ended.v1.json"), join(folder, "run.gone.v1.json"));
    const before = contents(folder);

    assert.equal(run(), 1);

    const breaking = printed.filter((line) => line.startsWith("breaking: "));
    assert.deepEqual(breaking, [
      "breaking: PauseRun: data.runId: pattern: changed",
      "breaking: run.ended: data.end: is gone",
      "breaking: run.gone.v1.json: the message is gone",
    ]);
    assert.deepEqual(contents(folder), before);
  });

  test("writes it even so when told to", () => {
    edit("run.ended.v1.json", (text) => text.replace('"state":', '"end":'));
    cpSync(join(folder, "run.ended.v1.json"), join(folder, "run.gone.v1.json"));

    assert.equal(run("--accept-breaking"), 0);
    assert.deepEqual(schemaChanges(folder), { files: [], breaking: [] });
    assert.ok(!readdirSync(folder).includes("run.gone.v1.json"));
  });
});

function contents(folder: string): string[] {
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
}
