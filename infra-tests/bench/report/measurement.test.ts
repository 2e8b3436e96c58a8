import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { removeFolder, temporaryFolder } from "../../harness/temporary-folder.ts";
import { atLeast } from "./goals.ts";
import { type Measurement, measurementText, writeMeasurement } from "./measurement.ts";

const measurement: Measurement = {
  name: "copy",
  title: "copy of 10 resources",
  tables: [{ head: ["round", "/s"], rows: [["1", "800"]] }],
  goals: [atLeast("speed", 0.5, 0.9)],
  notes: ["one round only"],
  data: { rounds: [{ perSecond: 800 }] },
};

test("the text holds the table, the missed goal and the note", () => {
  const text = measurementText(measurement);
  for (const part of ["copy of 10 resources", "| 1 ", ": missed", "one round only"]) {
    assert.ok(text.includes(part), part);
  }
});

test("the file holds what was measured and on what", () => {
  const folder = temporaryFolder("bench");
  const path = writeMeasurement(folder, "crds", measurement);
  assert.equal(basename(path), "crds-copy.json");
  const read = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  assert.deepEqual(read["data"], measurement.data);
  for (const what of ["machine", "versions"]) assert.equal(typeof read[what], "object", what);
  assert.ok(!Number.isNaN(Date.parse(String(read["date"]))));
  removeFolder(folder);
});
