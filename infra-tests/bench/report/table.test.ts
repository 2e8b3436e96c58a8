import assert from "node:assert/strict";
import { test } from "node:test";
import { figure, mebibytes, renderTable, seconds } from "./table.ts";

test("a table is Markdown whose columns line up", () => {
  const text = renderTable({
    head: ["size", "seconds"],
    rows: [
      ["1,000", "1.5"],
      ["50,000", "60.25"],
    ],
  });
  assert.equal(
    text,
    ["| size   | seconds |", "| ------ | ------: |", "| 1,000  |     1.5 |", "| 50,000 |   60.25 |", ""].join(
      "\n",
    ),
  );
});

test("missing cells are blank, and every line has the same length", () => {
  const lines = renderTable({ head: ["a", "b"], rows: [["1"]] })
    .trimEnd()
    .split("\n");
  assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
});

test("figures are rounded and their thousands set apart", () => {
  assert.equal(figure(12_345.678, 1), "12,345.7");
  assert.equal(figure(NaN), "n/a");
  assert.equal(seconds(1234), "1.23");
  assert.equal(mebibytes(300 * 1024 ** 2), "300");
});
