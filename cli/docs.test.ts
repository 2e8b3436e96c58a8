import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CHECKS } from "../shared/migrations/apiserver-to-crds/preflight/catalogue.ts";
import { RESTORE_CHECKS } from "../shared/migrations/backup/restore/preflight/checks.ts";
import { EXIT } from "./exit-codes.ts";
import { buildProgram } from "./program.ts";
import { fakeWorld } from "./testing/fake-world.ts";

const ROOT = join(import.meta.dirname, "..");
const DOCS = readFileSync(join(ROOT, "docs", "cli.md"), "utf8");
/** Where an error gets its code. */
const CODE = /(?:new (?:MigratorError|KubernetesApiError)|super)\(\s*"([A-Z][A-Z_]+)"/g;

describe("docs/checks.md", () => {
  const page = readFileSync(join(ROOT, "docs", "checks.md"), "utf8").replace(/ +/g, " ");
  const section = page.slice(page.indexOf("## Of `apiserver-to-crds`"));
  const cell = (text: string): string => text.replaceAll("|", "\\|");

  for (const { id, severity, title, fix } of CHECKS) {
    test(`has ${id} of apiserver-to-crds with its severity, title and fix`, () => {
      assert.ok(section.includes(`\n| \`${id}\` | ${severity} | ${cell(title)} | ${cell(fix)} |\n`));
    });
  }
});

describe("docs/checks.md, of a restore", () => {
  const page = readFileSync(join(ROOT, "docs", "checks.md"), "utf8").replace(/ +/g, " ");
  const section = page.slice(page.indexOf("## Of `restore`"));

  for (const { id, severity, subject, title, fix } of RESTORE_CHECKS) {
    test(`has ${id} with its severity, title and fix`, () => {
      const needs = subject === undefined ? severity : `${severity} (\`${subject}\`)`;
      assert.ok(section.includes(`\n| \`${id}\` | ${needs} | ${title} | ${fix} |\n`));
    });
  }
});

describe("docs/cli.md", () => {
  test("names every command and every option", (t) => {
    const program = buildProgram(fakeWorld(t), { code: 0, failureCode: 1, complaint: "" });
    for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
      const path =
        command.parent === program ? command.name() : `${command.parent?.name() ?? ""} ${command.name()}`;
      assert.match(DOCS, new RegExp(`\`${path}[ \`]`));
      for (const { long } of command.options.filter(({ hidden }) => !hidden))
        assert.ok(DOCS.includes(long ?? ""), `${path} ${long ?? ""}`);
    }
  });

  test("names every exit code, and no other", () => {
    const section = DOCS.slice(DOCS.indexOf("## Exit codes"), DOCS.indexOf("## Errors"));
    const named = Array.from(section.matchAll(/^\| (\d+) +\|/gm), ([, code]) => Number(code));
    assert.deepEqual(
      named,
      Object.values(EXIT).sort((a, b) => a - b),
    );
  });

  test("names every error code that the sources can give", () => {
    const files = globSync("{shared,cli}/**/*.ts", { cwd: ROOT }).filter(
      (file) => !/test(ing\/|\.ts)/.test(file),
    );
    const codes = files.flatMap((file) =>
      Array.from(readFileSync(join(ROOT, file), "utf8").matchAll(CODE), ([, code]) => code ?? ""),
    );
    assert.ok(codes.length > 50);
    assert.deepEqual([...new Set(codes)].filter((code) => !DOCS.includes(`\`${code}\``)).sort(), []);
  });
});
