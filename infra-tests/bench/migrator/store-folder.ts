import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { removeFolder, temporaryFolder } from "../../harness/temporary-folder.ts";
import { guard } from "../../harness/watchdog.ts";

const DISK = join(import.meta.dirname, "..", "..", "..", ".bench");
const MEMORY = "/dev/shm";

/** Where a store is kept: on the project's own disk (the system's folder for temporary files may be in memory), or not. */
export type StoreMedium = "disk" | "memory";

/** Runs `body` with the path of a store that does not exist yet; its folder is removed afterwards. */
export async function withStorePath<T>(medium: StoreMedium, body: (path: string) => Promise<T>): Promise<T> {
  const folder = newFolder(medium);
  try {
    return await body(join(folder, "store.db"));
  } finally {
    removeFolder(folder);
  }
}

function newFolder(medium: StoreMedium): string {
  if (medium === "memory" && !existsSync(MEMORY)) return temporaryFolder("bench");
  const parent = medium === "disk" ? DISK : MEMORY;
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "calico-migrator-"));
  guard({ dir: folder });
  return folder;
}
