import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const README = join(import.meta.dirname, "../../README.md");

/** What README shows that commands on AWS have printed, by the command's name. Lines that are left out there are left out. */
export function shownOnAws(): ReadonlyMap<string, string[]> {
  const text = readFileSync(README, "utf8");
  const block = /^What these print.*?^```\n(.*?)^```/ms.exec(text)?.[1] ?? "";
  const shown = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of block.split("\n")) {
    const [, command] = /^\$ npx calico-migrator (\S+)/.exec(line) ?? [];
    if (command !== undefined) shown.set(command, (lines = []));
    else if (line !== "…" && line !== "") lines.push(line);
  }
  return shown;
}

/** Asserts that these lines were printed in this order, whatever the times, counts, ids and paths were. */
export function assertPrinted(output: string, lines: readonly string[]): void {
  assert.ok(lines.length > 0);
  const printed = output.split("\n");
  let from = 0;
  for (const line of lines) {
    const at = printed.findIndex((one, index) => index >= from && patternOf(line).test(one));
    assert.ok(
      at >= 0,
      `README shows "${line}", which is not among what was printed:\n${printed.slice(from).join("\n")}`,
    );
    from = at + 1;
  }
}

/** What is another in every run, with what stands for it. */
const VARYING: readonly [RegExp, string][] = [
  [/\d{4}-\d\d-\d\dT[\d:]+Z/, "\\d{4}-\\d\\d-\\d\\dT[\\d:]+Z"],
  [/\d\d:\d\d:\d\d/, "\\d\\d:\\d\\d:\\d\\d"],
  [/\d+(?:\.\d+)? (?:s|min|h)(?: \d+ (?:s|min))*/, "[\\d.]+ (?:s|min|h)(?: \\d+ (?:s|min))*"],
  [/CalicoMigrator\/\S+/, "CalicoMigrator\\S*/\\S+"],
  [/--aws/, "--aws\\S*"],
  [/-[0-9a-f]{8}\b/, "-[0-9a-f]{8}"],
  [/…/, ".*"],
  [/\d+/, "\\d+"],
];

function patternOf(line: string): RegExp {
  const varying = new RegExp(VARYING.map(([what]) => `(${what.source})`).join("|"), "g");
  let pattern = "";
  let from = 0;
  for (const found of line.matchAll(varying)) {
    const [, ...groups] = found;
    const which = groups.findIndex((group: string | undefined) => group !== undefined);
    pattern += escaped(line.slice(from, found.index)) + (VARYING[which]?.[1] ?? "");
    from = found.index + found[0].length;
  }
  return new RegExp(`^${pattern}${escaped(line.slice(from))}$`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
