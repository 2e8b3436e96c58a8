import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A path for a store in a new folder of its own, for as long as `body` runs. */
export async function withStorePath(body: (path: string) => unknown): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "embedded-"));
  try {
    await body(join(folder, "store.db"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
