import { createHash, type Hash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";
import { parseExactJson } from "../../shared/exact-json.ts";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
import { isJsonObject, type Json } from "../../shared/json.ts";
import { objectAt } from "../../shared/kubernetes/fields.ts";
import { readJsonLines } from "../../shared/migrations/artifact-lines.ts";
import { type BackupIndex, partsOf, readIndex } from "../../shared/migrations/backup/index-file.ts";
import { KeyLine, ObjectLine } from "../../shared/migrations/backup/restore/lines.ts";
import { restored } from "../../shared/migrations/target/remove.ts";
import {
  CHECKSUMS_FILE,
  DOCUMENT,
  INDEX_FILE,
  KEY_NOTE,
  keysFile,
  LEAVING_NOTE,
  objectsFile,
  OTHER_KEYS_FILE,
  OWNERS_NOTE,
} from "./layout.ts";

const RESOURCE_KEY = /^\/calico\/resources\/v3\/projectcalico\.org\/([a-z]+)\//;
const Line = z.custom<Json>(() => true);

/** What an export came to. */
export interface Exported {
  files: number;
  resources: number;
}

/**
 * Writes a backup into a folder, which must be empty or new: objects as kubectl reads them and v3 resources as calicoctl does,
 * one JSON document a line, with checksums and an index written last. Holds one line in memory at a time. Throws
 * BACKUP_NOT_FOUND, BACKUP_UNFINISHED and BACKUP_FOLDER_NOT_EMPTY.
 */
export async function exportBackup(
  artifacts: ArtifactStore,
  backup: string,
  folder: string,
): Promise<Exported> {
  const index = await finishedIndex(artifacts, backup);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (readdirSync(folder).length > 0) throw notEmpty(folder);
  using files = new ExportedFiles(folder);
  let resources = 0;
  for (const { name } of index.parts)
    for await (const line of readJsonLines(artifacts.read(name), Line)) {
      writeLine(files, line);
      resources++;
    }
  files.finish(index);
  return { files: files.count, resources };
}

async function finishedIndex(artifacts: ArtifactStore, backup: string): Promise<BackupIndex> {
  const index = await readIndex(artifacts, backup);
  if (index !== undefined) return index;
  const isThere = (await partsOf(artifacts, backup)).length > 0;
  throw isThere
    ? new MigratorError("BACKUP_UNFINISHED", `nothing says that the backup of "${backup}" came to its end`, {
        next: "Make another one with `calico-migrator backup`, and export that.",
      })
    : new MigratorError("BACKUP_NOT_FOUND", `there is no backup of "${backup}"`, {
        next: "List the runs with `calico-migrator get`: every migration and every `backup` has made one.",
      });
}

function writeLine(files: ExportedFiles, line: Json): void {
  const object = ObjectLine.safeParse(line);
  if (object.success) writeObject(files, object.data);
  else writeKey(files, KeyLine.parse(line));
}

/** Without what the server owns, so that it can be created as it is; owners would name UIDs that nobody has any more. */
function writeObject(files: ExportedFiles, { ref, object }: ObjectLine): void {
  const plain = restored(object);
  const { ownerReferences, ...metadata } = objectAt(plain, "metadata");
  const { deletionTimestamp } = objectAt(object, "metadata");
  const notes = [
    ...(ownerReferences === undefined ? [] : [`${OWNERS_NOTE}${JSON.stringify(ownerReferences)}`]),
    ...(deletionTimestamp === undefined ? [] : [`${LEAVING_NOTE}${JSON.stringify(deletionTimestamp)}`]),
  ];
  files.write(objectsFile(ref), [DOCUMENT, ...notes, JSON.stringify({ ...plain, metadata })]);
}

/** What calicoctl writes is readable by it as it is stored; any other value is kept as bytes. */
function writeKey(files: ExportedFiles, line: KeyLine): void {
  const file = keysFile(RESOURCE_KEY.exec(line.key)?.[1] ?? "");
  const text = Buffer.from(line.value, "base64").toString("utf8");
  const isExact = Buffer.from(text, "utf8").toString("base64") === line.value;
  if (file === OTHER_KEYS_FILE || !isExact || /[\r\n]/.test(text) || !isObject(text)) {
    files.write(OTHER_KEYS_FILE, [JSON.stringify(line)]);
    return;
  }
  const note = JSON.stringify({ key: line.key, modRevision: line.modRevision });
  files.write(file, [DOCUMENT, `${KEY_NOTE}${note}`, text]);
}

function isObject(text: string): boolean {
  try {
    return text.startsWith("{") && isJsonObject(parseExactJson(text));
  } catch {
    return false;
  }
}

/** The files of an export while they are written: appended to in any order, each with its checksum. */
class ExportedFiles implements Disposable {
  readonly #folder: string;
  readonly #open = new Map<string, { file: number; hash: Hash }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get count(): number {
    return this.#open.size;
  }

  write(name: string, lines: readonly string[]): void {
    const { file, hash } = this.#open.get(name) ?? this.#create(name);
    const text = `${lines.join("\n")}\n`;
    hash.update(text);
    writeSync(file, text);
  }

  /** What is not whole has no index. */
  finish(index: BackupIndex): void {
    const { parts, ...about } = index;
    this.write(INDEX_FILE, [JSON.stringify({ ...about, parts: parts.length }, null, 2)]);
    const sums = [...this.#open].map(([name, { hash }]) => `${hash.digest("hex")}  ${name}`);
    this.write(CHECKSUMS_FILE, sums.sort());
  }

  #create(name: string): { file: number; hash: Hash } {
    const path = join(this.#folder, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const created = { file: openSync(path, "wx", 0o600), hash: createHash("sha256") };
    this.#open.set(name, created);
    return created;
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#open.values()) closeSync(file);
  }
}

function notEmpty(folder: string): MigratorError {
  return new MigratorError("BACKUP_FOLDER_NOT_EMPTY", `${folder} is not empty`, {
    next: "Name a folder that is empty, or does not exist yet.",
  });
}
