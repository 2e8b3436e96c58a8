import { existsSync } from "node:fs";
import { MigratorError } from "../../shared/errors.ts";
import type { Artifact, ArtifactStore } from "../../shared/engine/ports.ts";
import { crdResource } from "../../shared/kubernetes/crds.ts";
import { jsonLines } from "../../shared/migrations/artifact-lines.ts";
import { readIndex, writeIndex } from "../../shared/migrations/backup/index-file.ts";
import { type BackupSide, CRDS_PER_PART, partName } from "../../shared/migrations/backup/parts.ts";
import type { KeyLine, ObjectLine } from "../../shared/migrations/backup/restore/lines.ts";
import { fileInvalid } from "./layout.ts";
import { changedFiles, readFolder, readFolderIndex } from "./read-folder.ts";

const PER_PART = 500;
const NAMED = 20;

/** How a folder is imported. */
export interface ImportOptions {
  /** The backup's name in the store; by default that of the run that made it. */
  name?: string | undefined;
  /** Take files that were changed since they were exported. */
  acceptChanges: boolean;
  /** Says whether a run of the store has this name: its backup is not to be touched, whole or not. */
  isRun: (name: string) => Promise<boolean>;
}

/** What an import came to. */
export interface Imported {
  backup: string;
  resources: number;
  /** The sides that it has anything of. */
  sides: BackupSide[];
}

/**
 * Reads an exported backup into a store, so that `restore` can be given its name. Everything is checked before anything is
 * written, and all faults are named with file and line. Throws BACKUP_FOLDER_INVALID, BACKUP_FOLDER_CHANGED,
 * BACKUP_FILE_INVALID and BACKUP_EXISTS.
 */
export async function importBackup(
  artifacts: ArtifactStore,
  folder: string,
  { name, acceptChanges, isRun }: ImportOptions,
): Promise<Imported> {
  const { cluster, takenAt, run } = folderIndex(folder);
  const backup = name ?? run;
  const changed = await changedFiles(folder);
  if (changed.length > 0 && !acceptChanges) throw filesChanged(changed);
  await refuseFaults(folder);
  // Without an index it is what an import that was cut short has left.
  if ((await readIndex(artifacts, backup)) !== undefined || (await isRun(backup))) throw exists(backup);
  const parts: Artifact[] = [];
  const sides = new Set<BackupSide>();
  let resources = 0;
  for await (const part of partsIn(folder, backup)) {
    parts.push(await artifacts.write(part.name, jsonLines(part.lines)));
    resources += part.lines.length;
    sides.add(part.side);
  }
  await writeIndex(artifacts, { version: 1, run: backup, cluster, takenAt, parts });
  return { backup, resources, sides: [...sides] };
}

async function refuseFaults(folder: string): Promise<void> {
  const faults: string[] = [];
  let count = 0;
  for await (const read of readFolder(folder)) {
    if (!("fault" in read)) continue;
    count++;
    if (faults.length < NAMED) faults.push(`${read.file}:${read.at}: ${read.fault}`);
  }
  if (count > 0) throw fileInvalid(faults, count);
}

interface Part {
  name: string;
  side: BackupSide;
  lines: (KeyLine | ObjectLine)[];
}

async function* partsIn(folder: string, backup: string): AsyncGenerator<Part, void> {
  const written = { etcd: 0, kubernetes: 0 };
  let side: BackupSide = "etcd";
  let lines: Part["lines"] = [];
  const next = (): Part => {
    const part = { name: partName({ run: { runId: backup } }, side)(written[side]++), side, lines };
    lines = [];
    return part;
  };
  let limit = PER_PART;
  for await (const read of readFolder(folder)) {
    if (!("line" in read)) continue;
    const of: BackupSide = "ref" in read.line ? "kubernetes" : "etcd";
    const most = "ref" in read.line && read.line.ref.plural === crdResource.plural ? CRDS_PER_PART : PER_PART;
    if (lines.length > 0 && (of !== side || most !== limit || lines.length >= limit)) yield next();
    [side, limit] = [of, most];
    lines.push(read.line);
  }
  if (lines.length > 0) yield next();
}

/** What a folder says it is. Throws BACKUP_FOLDER_INVALID for one that is not there, or no exported backup. */
export function folderIndex(folder: string): ReturnType<typeof readFolderIndex> {
  if (!existsSync(folder)) throw notThere(folder);
  return readFolderIndex(folder);
}

function notThere(folder: string): MigratorError {
  return new MigratorError("BACKUP_FOLDER_INVALID", `there is no folder ${folder}`, {
    next: "Name a folder that `calico-migrator backup export` has written.",
  });
}

function filesChanged(changed: readonly string[]): MigratorError {
  const named = changed.slice(0, 5).join(", ");
  const more = changed.length > 5 ? `, and ${changed.length - 5} more` : "";
  return new MigratorError(
    "BACKUP_FOLDER_CHANGED",
    `${changed.length} files are not as they were exported: ${named}${more}`,
    {
      next: "Get the folder again from where it was kept; or give --accept-changes, if it was you who changed them.",
    },
  );
}

function exists(backup: string): MigratorError {
  return new MigratorError("BACKUP_EXISTS", `a backup "${backup}" is in this store already`, {
    next: `Restore that one, or give this one a name of its own with --name NAME.`,
  });
}
