import { randomUUID } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const RETRY_MS = 250;

/**
 * Runs `body` while this process holds `path`, a file that names the holder's process id. A lock whose holder is gone
 * is taken over. Two processes that find the same dead lock in the same instant could both run, so `body` must be safe
 * to run twice; it is a way to avoid double work, not a guarantee.
 */
export async function withLockFile<T>(path: string, body: () => Promise<T>): Promise<T> {
  while (!(await acquire(path))) await sleep(RETRY_MS);
  try {
    return await body();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string): Promise<boolean> {
  // Written apart and linked into place, so that a lock never exists without its holder's id.
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, String(process.pid));
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!(await holderLives(path))) await rm(path, { force: true });
    return false;
  } finally {
    await rm(own, { force: true });
  }
}

async function holderLives(path: string): Promise<boolean> {
  const holder = await readFile(path, "utf8").catch(() => undefined);
  return holder === undefined || isAlive(Number(holder));
}

/** True when a process of this id exists (also one that belongs to another user). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
