import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { CHECKS } from "./catalogue.ts";

const folder = join(import.meta.dirname, "checks");
const page = readFileSync(join(import.meta.dirname, "../../../../docs/checks.md"), "utf8");

describe("the catalogue of checks", () => {
  test("has every check file, each named like its id", () => {
    const files = readdirSync(folder).filter((name) => !name.endsWith(".test.ts"));

    assert.deepEqual(files.map((name) => basename(name, ".ts")).sort(), CHECKS.map(({ id }) => id).sort());
  });

  test("asks for a subject to be approved exactly where consent is needed", () => {
    for (const { id, severity, subject } of CHECKS) {
      assert.equal(subject !== undefined, severity === "consent", id);
    }
  });

  for (const { id, title, severity, fix } of CHECKS) {
    test(`${id} stands in docs/checks.md with its severity, title and fix`, () => {
      const row = page.split("\n").find((line) => line.replace(/ +/g, " ").startsWith(`| \`${id}\` |`));

      assert.ok(row, `docs/checks.md has no row for ${id}`);
      for (const part of [severity, title, fix]) assert.ok(row.includes(part.replaceAll("|", "\\|")), part);
    });
  }
});
