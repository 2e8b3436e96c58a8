import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { CHECKS } from "./catalogue.ts";
import { block, pass, reported, warn } from "./check.ts";
import { byOperator, healthy } from "./testing/facts.ts";

describe("the catalogue of checks", () => {
  test("has every check file, each named like its id", () => {
    const files = readdirSync(join(import.meta.dirname, "checks")).map((name) => basename(name, ".ts"));

    assert.deepEqual(files.sort(), CHECKS.map(({ id }) => id).sort());
  });

  for (const { id, title, why, fix } of CHECKS) {
    test(`${id} says what must hold, why, and what to do`, () => {
      assert.match(title, /^[A-Za-z].*[^.]$/);
      assert.match(why, /\.$/);
      assert.ok(fix.length > 10);
    });
  }

  for (const facts of [healthy(), byOperator("v1.44.0")]) {
    test(`lets a healthy cluster pass, ${facts.operator === undefined ? "by manifests" : "by operator"}`, () => {
      const others = CHECKS.map((check) => [check.id, check.judge(facts).verdict]).filter(
        ([, verdict]) => verdict !== "pass",
      );

      assert.deepEqual(others, []);
    });
  }
});

describe("a report", () => {
  const [check] = CHECKS;
  assert.ok(check);

  test("of what passes has the check's severity and fix", () => {
    const { status, severity, fix } = reported(check, pass("fine"));

    assert.deepEqual({ status, severity, fix }, { status: "pass", severity: "blocking", fix: check.fix });
  });

  test("of a warning is one, whatever the check can say at worst", () => {
    const { status, severity, items } = reported(check, warn("look", { items: ["a"] }));

    assert.deepEqual({ status, severity, items }, { status: "fail", severity: "warning", items: ["a"] });
  });

  test("of what blocks has the step that the verdict names", () => {
    const { status, severity, fix } = reported(check, block("no", { next: "Do this." }));

    assert.deepEqual({ status, severity, fix }, { status: "fail", severity: "blocking", fix: "Do this." });
  });
});
