import { createReadStream, type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { createInterface } from "node:readline";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";
import { exactInteger, parseExactJson } from "../../shared/exact-json.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { KeyLine, ObjectLine } from "../../shared/migrations/backup/restore/lines.ts";
import { objectAt } from "../../shared/kubernetes/fields.ts";
import {
  CHECKSUMS_FILE,
  DOCUMENT,
  INDEX_FILE,
  KEY_NOTE,
  LEAVING_NOTE,
  OTHER_KEYS_FILE,
  OWNERS_NOTE,
  resourceOfFile,
} from "./layout.ts";

/** No object of Kubernetes or etcd is larger. */
const MAX_DOCUMENT = 16 * 1024 * 1024;

/** What a backup may be called in a store. */
export const BackupName = z
  .string()
  .regex(/^[\w.-]{1,128}$/, "must be letters, digits, dots, dashes and underscores");

const Index = z.object({
  version: z.literal(1),
  run: BackupName,
  cluster: z.string(),
  takenAt: z.iso.datetime(),
});
type FolderIndex = z.infer<typeof Index>;

const KeyNote = z.strictObject({ key: z.string(), modRevision: z.int() });
const Owners = z.array(z.custom<JsonObject>((value) => typeof value === "object" && value !== null));

/** One line of a backup as a folder has it, or what is wrong with it, and where. */
export type Read = { file: string; at: number } & ({ line: KeyLine | ObjectLine } | { fault: string });

/** Reads what a folder says it is. Throws BACKUP_FOLDER_INVALID. */
export function readFolderIndex(folder: string): FolderIndex {
  const path = join(folder, INDEX_FILE);
  if (!existsSync(path)) throw folderInvalid(folder, `it has no ${INDEX_FILE}`);
  try {
    return Index.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : "it is no JSON";
    throw folderInvalid(folder, `${INDEX_FILE}: ${why.replaceAll("\n", " ")}`);
  }
}

/** The files that are not as they were exported: changed, missing, or new. */
export async function changedFiles(folder: string): Promise<string[]> {
  const path = join(folder, CHECKSUMS_FILE);
  if (!existsSync(path)) throw folderInvalid(folder, `it has no ${CHECKSUMS_FILE}`);
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  const known = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  const changed: string[] = [];
  for (const file of filesOf(folder)) {
    if (known.get(file) !== (await sha256Of(join(folder, file)))) changed.push(file);
    known.delete(file);
  }
  return [...changed, ...known.keys()].sort();
}

/** Every line of a backup that the files hold, in the order of their names; a document at a time in memory. */
export async function* readFolder(folder: string): AsyncGenerator<Read, void> {
  for (const file of filesOf(folder)) {
    if (file === INDEX_FILE) continue;
    if (file === OTHER_KEYS_FILE) yield* readKeys(folder, file);
    else if (file.endsWith(".yaml")) yield* readDocuments(folder, file);
    else yield { file, at: 1, fault: "is no file of an exported backup" };
  }
  for (const file of entriesOf(folder, (entry) => !entry.isFile() && !entry.isDirectory()))
    yield { file, at: 1, fault: "is no plain file: put the file itself there that a link leads to" };
}

async function* readKeys(folder: string, file: string): AsyncGenerator<Read, void> {
  let at = 0;
  for await (const text of linesOf(folder, file)) {
    at++;
    if (text !== "") yield read(file, at, () => KeyLine.parse(parseExactJson(text)));
  }
}

async function* readDocuments(folder: string, file: string): AsyncGenerator<Read, void> {
  let at = 0;
  let start = 1;
  let lines: string[] = [];
  let size = 0;
  const document = function* (): Generator<Read> {
    if (lines.some((line) => line.trim() !== ""))
      yield read(file, start, () => parseDocument(file, lines, start));
  };
  for await (const text of linesOf(folder, file)) {
    at++;
    if (text.trimEnd() === DOCUMENT) {
      yield* document();
      [lines, size, start] = [[], 0, at + 1];
      continue;
    }
    size += text.length;
    if (size > MAX_DOCUMENT) {
      yield { file, at: start, fault: `is larger than ${MAX_DOCUMENT / 1024 / 1024} MiB` };
      return;
    }
    lines.push(text);
  }
  yield* document();
}

function parseDocument(file: string, lines: readonly string[], start: number): KeyLine | ObjectLine {
  const note = (prefix: string): Json | undefined => {
    const found = lines.find((line) => line.startsWith(prefix));
    return found === undefined ? undefined : parseExactJson(found.slice(prefix.length));
  };
  const text = lines
    .filter((line) => !line.startsWith("# "))
    .join("\n")
    .trim();
  const key = note(KEY_NOTE);
  if (file.startsWith("etcd/")) {
    if (key === undefined) throw new DocumentError(`the line "${KEY_NOTE}…" before it is missing`, start);
    const { key: name, modRevision } = KeyNote.parse(key);
    // A document on one line is the stored value, byte for byte.
    const value = text.startsWith("{") && !text.includes("\n") ? text : JSON.stringify(valueOf(text, start));
    parseExactJson(value);
    return KeyLine.parse({ key: name, modRevision, value: Buffer.from(value).toString("base64") });
  }
  const ref = resourceOfFile(file);
  if (ref === undefined) throw new DocumentError("is in no folder that an exported backup has", start);
  const object = valueOf(text, start) as JsonObject;
  const owners = note(OWNERS_NOTE);
  const line = ObjectLine.parse({ ref, object });
  const deletionTimestamp = note(LEAVING_NOTE);
  const metadata = {
    ...objectAt(line.object, "metadata"),
    ...(owners === undefined ? {} : { ownerReferences: Owners.parse(owners) }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: z.string().parse(deletionTimestamp) }),
  };
  return { ref, object: { ...line.object, metadata } };
}

function valueOf(text: string, start: number): Json {
  if (text.startsWith("{") && !text.includes("\n")) return parseExactJson(text);
  try {
    return exact(parse(text, { intAsBigInt: true }) as unknown);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = start + (error.linePos?.[0].line ?? 1) - 1;
    throw new DocumentError(error.message.split("\n")[0] ?? "is no YAML", line);
  }
}

/** Integers keep all their digits. */
function exact(value: unknown): Json {
  if (typeof value === "bigint") return exactInteger(value.toString());
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== "object" || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, exact(member)]));
}

class DocumentError extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

function read(file: string, at: number, parseIt: () => KeyLine | ObjectLine): Read {
  try {
    return { file, at, line: parseIt() };
  } catch (error) {
    if (error instanceof DocumentError) return { file, at: error.line, fault: error.message };
    if (error instanceof z.ZodError) {
      const [issue] = error.issues;
      return { file, at, fault: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is invalid"}` };
    }
    if (error instanceof SyntaxError) return { file, at, fault: `is no JSON: ${error.message}` };
    throw error;
  }
}

function linesOf(folder: string, file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(join(folder, file), "utf8"), crlfDelay: Infinity });
}

function filesOf(folder: string): string[] {
  return entriesOf(folder, (entry) => entry.isFile()).filter((file) => file !== CHECKSUMS_FILE);
}

function entriesOf(folder: string, isMeant: (entry: Dirent) => boolean): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(isMeant)
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function folderInvalid(folder: string, why: string): MigratorError {
  return new MigratorError("BACKUP_FOLDER_INVALID", `${folder} is no exported backup: ${why}`, {
    next: "Name a folder that `calico-migrator backup export` has written.",
  });
}
