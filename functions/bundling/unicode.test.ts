import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { withoutTables } from "./unicode.ts";

interface Table {
  readonly length: number;
  getLo(index: number): number;
  getHi(index: number): number;
  getStride(index: number): number;
}

interface Tables {
  initializer: Record<string, unknown>;
  get(name: string): Table;
}

type Unicode = Record<"CATEGORIES" | "SCRIPTS", Tables>;

/** The tables of re2js, by a module of this source. */
async function tablesOf(file: string, source: string): Promise<Unicode> {
  await writeFile(file, `${source}\nexport { UnicodeTables };`);
  return ((await import(pathToFileURL(file).href)) as { UnicodeTables: Unicode }).UnicodeTables;
}

/** One byte for each character: 1 for what is in a table. */
function charactersOf(table: Table): Uint8Array {
  const characters = new Uint8Array(0x110000);
  for (let index = 0; index < table.length; index += 1) {
    const [low, high, stride] = [table.getLo(index), table.getHi(index), table.getStride(index)];
    if (stride === 1) characters.fill(1, low, high + 1);
    else for (let code = low; code <= high; code += stride) characters[code] = 1;
  }
  return characters;
}

test("patterns find in a bundle the characters that they find outside", async () => {
  const folder = await mkdtemp(join(tmpdir(), "unicode-"));
  try {
    const module = join(dirname(createRequire(import.meta.url).resolve("re2js")), "index.js");
    const source = await readFile(module, "utf8");
    const whole = await tablesOf(join(folder, "whole.mjs"), source);
    const slim = await tablesOf(join(folder, "slim.mjs"), withoutTables(source));
    // The engine and the package may know Unicode up to different versions.
    const unknown = charactersOf(whole.CATEGORIES.get("Cn"));
    const unknownHere = charactersOf(slim.CATEGORIES.get("Cn"));
    for (const map of ["CATEGORIES", "SCRIPTS"] as const) {
      const names = Object.keys(whole[map].initializer);
      assert.ok(names.length > 50, map);
      assert.deepEqual(Object.keys(slim[map].initializer), names);
      for (const name of names) {
        const right = charactersOf(whole[map].get(name));
        const found = charactersOf(slim[map].get(name));
        if (Buffer.compare(found, right) === 0) continue;
        const wrong = found.findIndex(
          (has, code) => has !== right[code] && unknown[code] === 0 && unknownHere[code] === 0,
        );
        assert.equal(wrong, -1, `${name}: U+${wrong.toString(16)}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
