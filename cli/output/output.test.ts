import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Captured } from "../testing/fake-world.ts";
import { duration, timestamp } from "./durations.ts";
import { paintFor } from "./paint.ts";
import { print } from "./print.ts";
import { table } from "./table.ts";

test("durations are told in the units that matter", () => {
  const told = [0, 420, 9_940, 12_400, 185_000, 7_800_000, 442_800_000].map(duration);
  assert.deepEqual(told, ["0.0 s", "0.4 s", "9.9 s", "12 s", "3 min 5 s", "2 h 10 min", "5 d 3 h"]);
});

test("times are ISO 8601 in UTC without fractions", () => {
  assert.equal(timestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 678)), "2026-01-02T03:04:05Z");
});

test("a table has columns and neither borders nor blanks at the ends of its lines", () => {
  const rows = [
    ["a", "1"],
    ["bcd", ""],
  ];
  assert.equal(table(["NAME", "N"], rows), "NAME   N\na      1\nbcd\n");
});

describe("colours", () => {
  const terminal = Object.assign(new Captured(), { isTTY: true });

  test("are only for terminals", () => {
    assert.equal(paintFor({ env: {} }, terminal, true)("good", "x"), "\u001b[32mx\u001b[39m");
    assert.equal(paintFor({ env: {} }, new Captured(), true)("good", "x"), "x");
  });

  test("can be refused by NO_COLOR, --no-color and a dumb terminal", () => {
    assert.equal(paintFor({ env: { NO_COLOR: "1" } }, terminal, true)("good", "x"), "x");
    assert.equal(paintFor({ env: { TERM: "dumb" } }, terminal, true)("good", "x"), "x");
    assert.equal(paintFor({ env: {} }, terminal, false)("good", "x"), "x");
  });
});

test("every form of output says the same", () => {
  const printable = {
    document: { kind: "A" },
    text: (wide: boolean) => (wide ? "wide\n" : "text\n"),
    names: ["a", "b"],
  };
  const shown = (["text", "wide", "json", "yaml", "name"] as const).map((output) => {
    const stdout = new Captured();
    print({ stdout }, { output, color: true, verbose: false, quiet: false }, printable);
    return stdout.text;
  });
  assert.deepEqual(shown, ["text\n", "wide\n", '{\n  "kind": "A"\n}\n', "kind: A\n", "a\nb\n"]);
});
