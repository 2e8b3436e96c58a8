import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { CHECKS } from "../shared/migrations/apiserver-to-crds/preflight/catalogue.ts";
import { RESTORE_CHECKS } from "../shared/migrations/backup/restore/preflight/checks.ts";
import type { CommanderError } from "commander";
import { MIGRATIONS } from "../shared/migrations/registry.ts";
import { EXIT } from "./exit-codes.ts";
import { spellYes } from "./options/common.ts";
import { refuseForeignOptions } from "./options/migrations/index.ts";
import { buildProgram, freshOutcome } from "./program.ts";
import { linesIn, type ShownLine } from "./testing/command-lines.ts";
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
    const program = buildProgram(fakeWorld(t), freshOutcome());
    for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
      const path =
        command.parent === program ? command.name() : `${command.parent?.name() ?? ""} ${command.name()}`;
      assert.match(DOCS, new RegExp(`\`${path}[ \`]`));
      for (const { long } of command.options.filter(({ hidden }) => !hidden))
        assert.ok(DOCS.includes(long ?? ""), `${path} ${long ?? ""}`);
    }
  });

  test("has every command in the table of commands", (t) => {
    const table = DOCS.slice(DOCS.indexOf("## Commands"), DOCS.indexOf("## Options"));
    for (const command of buildProgram(fakeWorld(t), freshOutcome()).commands)
      assert.match(table, new RegExp(`^\\| \`${command.name()}[ \`]`, "m"));
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

describe("command lines in README and docs", () => {
  for (const page of globSync(["README.md", "docs/*.md"], { cwd: ROOT })) {
    for (const line of linesIn(readFileSync(join(ROOT, page), "utf8"))) {
      test(`${page}: calico-migrator ${line.text}`, async (t) => {
        assert.equal(await complaint(t, line), undefined);
      });
    }
  }

  for (const [line, wrong] of [
    ["start etcd-to-kubernetes --manifset x", /unknown option '--manifset'/],
    ["strat etcd-to-kubernetes", /unknown command 'strat'/],
    ["start etcd-to-crds", /there is no migration etcd-to-crds/],
    ["start apiserver-to-crds --manifest x", /--manifest is no option of apiserver-to-crds/],
    ["restore RUN", /required option '--side <side>' not specified/],
    ["conflicts resolve --use source", /missing required argument 'run'/],
    ["conflicts resolve RUN a --use both", /Allowed choices are source, target, skip/],
  ] as const) {
    test(`would be found: ${line}`, async (t) => {
      const [shown] = linesIn(`\`\`\`sh\ncalico-migrator ${line} # a remark\n\`\`\`\n`);
      assert.ok(shown);
      assert.match((await complaint(t, shown)) ?? "", wrong);
    });
  }
});

describe("scripts in README and docs", () => {
  const text = globSync(["README.md", "docs/*.md"], { cwd: ROOT })
    .map((page) => readFileSync(join(ROOT, page), "utf8"))
    .join("\n");

  test("are those of the package", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object };
    const named = Array.from(text.matchAll(/npm run ([a-z:]+)/g), ([, name]) => name ?? "");
    assert.ok(named.length > 10);
    assert.deepEqual(
      named.filter((name) => !(name in scripts)),
      [],
    );
  });

  test("are files of this repository", () => {
    const named = Array.from(text.matchAll(/(?:`|^)node ([a-z][\w/.-]*\.ts)/gm), ([, file]) => file ?? "");
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((file) => !existsSync(join(ROOT, file))),
      [],
    );
  });
});

/** What the program has to say against a command line, without doing what it asks for; undefined where it is right. */
async function complaint(t: TestContext, { words, partial }: ShownLine): Promise<string | undefined> {
  const outcome = freshOutcome();
  const program = buildProgram(fakeWorld(t), outcome);
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command.action(() => {
      const [argument] = command.registeredArguments;
      const [migration] = command.processedArgs as unknown[];
      if (argument?.name() !== "migration" || migration === "MIGRATION") return;
      if (migration === undefined && (partial || command.opts()["plan"] !== undefined)) return;
      const names = MIGRATIONS.map(({ name }) => name);
      assert.ok(names.includes(String(migration)), `there is no migration ${String(migration)}`);
      refuseForeignOptions(String(migration), command.opts());
    });
  }
  try {
    await program.parseAsync(spellYes(words), { from: "user" });
    outcome.faults.throwIfAny();
    return undefined;
  } catch (error) {
    const { code, message } = error as CommanderError;
    if (partial && /missing/i.test(code)) return undefined;
    // A word such as SIDE stands for any of the choices.
    return /argument '[A-Z]+' is invalid\. Allowed choices/.test(message) ? undefined : message;
  }
}
