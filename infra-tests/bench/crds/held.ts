import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseExactJson } from "../../../shared/exact-json.ts";
import { isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { Snapshot } from "../../harness/snapshot.ts";

const FILE = join(import.meta.dirname, "held.jsonl");

/** Objects of the old group, and what upstream's controller once made of them. */
export interface Held {
  /** By their ids in a dump. */
  old: Snapshot;
  native: Snapshot;
}

/** Reads what is held. */
export function readHeld(): Held {
  const [old = "", native = ""] = readFileSync(FILE, "utf8").split("\n\n");
  return { old: snapshotOf(old), native: snapshotOf(native) };
}

/** Keeps what upstream has made of the old group from now on. */
export function writeHeld({ old, native }: Held): void {
  writeFileSync(FILE, `${linesOf(old)}\n\n${linesOf(native)}\n`);
}

/** An object as a snapshot holds it, with every integer exact. */
export function heldObject(text: string): JsonObject {
  const value = parseExactJson(text);
  return isJsonObject(value) ? value : {};
}

function linesOf({ entries }: Snapshot): string {
  return [...entries].map(([id, text]) => JSON.stringify([id, text])).join("\n");
}

function snapshotOf(lines: string): Snapshot {
  const entries = lines.trim().split("\n");
  return new Snapshot(entries.map((line) => JSON.parse(line) as [string, string]));
}
