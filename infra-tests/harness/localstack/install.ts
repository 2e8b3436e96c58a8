import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { withLockFile } from "../lock-file.ts";

const PROGRESS_EVERY_MS = 15_000;

/** Something that is made once and kept in the user's cache folder. */
export interface Installation {
  /** Name of its folder in the cache; it must change when the content has to. */
  folder: string;
  /** What is made and how long it takes, for the progress lines: "LocalStack (about a minute)". */
  what: string;
  /** Fills the empty folder `target`, which is later at `home`. */
  make: (target: string, home: string) => Promise<void>;
}

/**
 * The folder of the installation, made first where the cache does not hold it; what is interrupted leaves nothing
 * behind that counts. Several processes may call it at once: one makes it, the others wait. Reports on stderr.
 */
export async function installOnce(installation: Installation): Promise<string> {
  const home = join(cacheRoot(), installation.folder);
  if (existsSync(home)) return home;
  await mkdir(cacheRoot(), { recursive: true });
  await withLockFile(`${home}.lock`, async () => {
    if (!existsSync(home)) await install(installation, home);
  });
  return home;
}

async function install({ make, what }: Installation, home: string): Promise<void> {
  const target = `${home}.making-${randomUUID()}`;
  const done = announce(what);
  try {
    await mkdir(target);
    await make(target, home);
    await rename(target, home);
  } finally {
    done();
    await rm(target, { recursive: true, force: true });
  }
}

function cacheRoot(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "calico-migrator");
}

function announce(what: string): () => void {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const say = (text: string) => process.stderr.write(`test bed: ${text}\n`);
  say(`installing ${what} once`);
  const timer = setInterval(() => say(`still installing ${what}, ${seconds()} s`), PROGRESS_EVERY_MS);
  return () => {
    clearInterval(timer);
    say(`${what}: ${seconds()} s`);
  };
}
