import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const README = readFileSync(join(import.meta.dirname, "..", "..", "README.md"), "utf8");

/** What the README's tour shows between two lines; the command itself, which may go on over lines, is left out. */
export function tourOf(command: string, end: string): string[] {
  const shown = README.slice(README.indexOf(`$ ${command}`), README.indexOf(end)).split("\n");
  const first = shown.findIndex((line) => !line.endsWith("\\")) + 1;
  const lines = shown.slice(first).filter((line) => line !== "" && line !== "…");
  assert.ok(lines.length > 0, `the README shows nothing after ${command}`);
  return lines;
}

/**
 * Everything shown was printed, in the same order, and every stage that ended is shown. Numbers, ids, paths and which kinds there
 * are most of are those of each run. The README shows a terminal; without one each line has its time, and a stage its own words.
 */
export function assertShown(shown: readonly string[], printed: string): void {
  const lines = printed.split("\n").map(shapeOf);
  let at = 0;
  for (const line of shown.filter((one) => !OF_KINDS.test(one) && !SHOWN_STAGE.test(one))) {
    const found = lines.indexOf(shapeOf(line), at);
    assert.ok(found >= 0, `printed differently, or elsewhere: ${line}\n${printed}`);
    at = found + 1;
  }
  assert.deepEqual(named(printed.split("\n"), PRINTED_STAGE), named(shown, SHOWN_STAGE));
}

/** A row of the table of kinds, whose order is that of their numbers. */
const OF_KINDS = /^[A-Z][A-Za-z]+ {2,}\d+$/;
const SHOWN_STAGE = /^✔ (\S+)/;
const PRINTED_STAGE = /^\S+Z {2}([a-z-]+): done/;

function named(lines: readonly string[], stage: RegExp): string[] {
  return lines.flatMap((line) => stage.exec(line)?.[1] ?? []);
}

function shapeOf(line: string): string {
  return line
    .replaceAll(/\S*\/\S+/g, "PATH")
    .replaceAll(/-[0-9a-f]{8}\b/g, "-ID")
    .replaceAll(/\d[\d,.]*/g, "N")
    .replace("N s waiting for a person, ", "")
    .replaceAll(/ +/g, " ");
}
