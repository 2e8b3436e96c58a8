import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { guard, release } from "../../harness/watchdog.ts";
import type { NativeBed } from "../../rig/native/bed.ts";
import type { Server } from "../ceiling/clients.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { LoadAtStart } from "../report/machine.ts";
import { untilQuiet } from "../report/quiet.ts";
import { migrateNative } from "./migrator.ts";

const WORKER = fileURLToPath(new URL("ceiling-worker.ts", import.meta.url));

/** What the bare loop is to do. */
export interface NativeCeilingJob {
  server: Server;
}

/** What the bare loop took. */
export interface NativeCeilingTime {
  writes: number;
  /** From the first list of the old group to the last write. Milliseconds. */
  ms: number;
}

/** One run of the bare loop. */
export interface NativeCeiling extends NativeCeilingTime {
  load: LoadAtStart;
}

/**
 * Copies a bed in a bare loop in a process of its own: lists the old group, converts, and creates the native objects, rank
 * by rank, without checkpoints, field managers or a look at the answers. The bed is as the migrator's own copy meets it.
 */
export async function measureNativeCeiling(bed: NativeBed): Promise<NativeCeiling> {
  await withStorePath("disk", (store) => migrateNative(bed, { store, stopBefore: "pre-copy" }));
  const { server: origin, token, api } = bed.kubernetes;
  const load = await untilQuiet();
  return { load, ...(await inWorker({ server: { origin, token, ca: api.ca } })) };
}

async function inWorker(job: NativeCeilingJob): Promise<NativeCeilingTime> {
  const working = promisify(execFile)(process.execPath, [WORKER]);
  const pid = working.child.pid ?? 0;
  guard({ pid });
  working.child.stdin?.end(JSON.stringify(job));
  try {
    return JSON.parse((await working).stdout) as NativeCeilingTime;
  } finally {
    release({ pid });
  }
}
