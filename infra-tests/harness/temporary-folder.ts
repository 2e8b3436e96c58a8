import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guard, release } from "./watchdog.ts";

/** A new folder that is removed when this process ends, unless {@link removeFolder} removes it first. */
export function temporaryFolder(purpose: string): string {
  const dir = mkdtempSync(join(tmpdir(), `calico-migrator-${purpose}-`));
  guard({ dir });
  return dir;
}

/** Removes a folder of {@link temporaryFolder} and all in it. */
export function removeFolder(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  release({ dir });
}
