import assert from "node:assert/strict";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { scriptNames } from "./help.ts";

const ROOT = join(import.meta.dirname, "..");
const PAGE = readFileSync(join(ROOT, "docs", "contributing.md"), "utf8");
const DECISIONS = globSync("docs/decisions/*.md", { cwd: ROOT });

/** What is made by programs, or holds what others have made. */
const MADE = new Set([".git", ...ignored()]);
/** Where environment variables of ours are read. */
const SOURCES = "{cli,infra-tests,shared}/**/*.{ts,mjs}";

describe("docs/contributing.md", () => {
  const layout = PAGE.slice(PAGE.indexOf("## Layout"), PAGE.indexOf("## Running tests"));
  const laidOut = Array.from(layout.matchAll(/^\| `([\w./-]+)\/` +\|/gm), ([, folder = ""]) => folder);

  test("has every folder of the two top levels in its layout", () => {
    const top = foldersIn(".");
    const below = top.flatMap((folder) => foldersIn(folder).map((name) => `${folder}/${name}`));
    assert.deepEqual(
      [...top, ...below].filter((folder) => !laidOut.includes(folder)),
      [],
    );
  });

  test("says of each folder once what is in it", () => {
    assert.equal(new Set(laidOut).size, laidOut.length);
  });

  test("names environment variables that are read, and each of them", () => {
    assert.deepEqual([...variablesIn(PAGE)].toSorted(), [...variablesRead()].toSorted());
  });
});

for (const page of ["docs/contributing.md", ...DECISIONS])
  describe(page, () => {
    const text = readFileSync(join(ROOT, page), "utf8");

    test("names files and folders that are there", () => {
      const top = foldersIn(".").join("|").replaceAll(".", "\\.");
      const path = new RegExp(`(?<=[\`' ])(?:${top})/[\\w./-]*`, "g");
      const named = Array.from(text.matchAll(path), ([one]) => one);
      assert.deepEqual(
        named.filter((one) => !existsSync(join(ROOT, one))),
        [],
      );
    });

    test("names scripts of the package", () => {
      const named = Array.from(text.matchAll(/npm run ([a-z:]+)/g), ([, name = ""]) => name);
      assert.deepEqual(
        named.filter((name) => !scriptNames().includes(name)),
        [],
      );
    });

    test("leads to pages that are there", () => {
      const links = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)/g), ([, link = ""]) => link);
      assert.deepEqual(
        links.filter((link) => !existsSync(join(ROOT, page, "..", link))),
        [],
      );
    });
  });

describe("docs/decisions", () => {
  const index = readFileSync(join(ROOT, "docs", "decisions", "README.md"), "utf8");

  for (const page of DECISIONS.filter((one) => !one.endsWith("/README.md"))) {
    const text = readFileSync(join(ROOT, page), "utf8");

    test(`${page} says what is decided, why, what follows, and which test keeps it`, () => {
      const headings = Array.from(text.matchAll(/^## (.*)$/gm), ([, heading]) => heading);
      assert.deepEqual(headings, ["Context", "Decision", "Consequences", "Kept by"]);
    });

    test(`${page} stands in the index`, () => {
      assert.ok(index.includes(`](${page.slice("docs/decisions/".length)})`));
    });

    test(`${page} names titles of tests as they are`, () => {
      const kept = text.slice(text.indexOf("## Kept by"));
      const rows = Array.from(kept.matchAll(/^- `([^`]+)`: “(.*)”$/gm), ([, file = "", title = ""]) => ({
        file,
        title,
      }));
      assert.ok(rows.length > 0);
      for (const { file, title } of rows)
        assert.ok(readFileSync(join(ROOT, file), "utf8").includes(title), `${file}: ${title}`);
    });
  }
});

function foldersIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !MADE.has(entry.name))
    .map(({ name }) => name);
}

function ignored(): string[] {
  const lines = readFileSync(join(ROOT, ".gitignore"), "utf8").split("\n");
  return lines.filter((line) => line.endsWith("/")).map((line) => line.slice(0, -1).replace(/^\//, ""));
}

function variablesIn(text: string): Set<string> {
  return new Set(Array.from(text.matchAll(/`(CALICO_MIGRATOR_[A-Z_]+)`/g), ([, name = ""]) => name));
}

function variablesRead(): Set<string> {
  const files = globSync(SOURCES, { cwd: ROOT, exclude: ["**/node_modules/**"] });
  const texts = files.map((file) => readFileSync(join(ROOT, file), "utf8"));
  return new Set(
    texts.flatMap((text) =>
      Array.from(text.matchAll(/"(CALICO_MIGRATOR_[A-Z_]+)"/g), ([, name = ""]) => name),
    ),
  );
}
