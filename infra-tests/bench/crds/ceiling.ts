import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { guard, release } from "../../harness/watchdog.ts";
import type { NativeBed } from "../../rig/native/bed.ts";
import { CONTENDERS, type Contender, type Server } from "../ceiling/clients.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { LoadAtStart } from "../report/machine.ts";
import { untilQuiet } from "../report/quiet.ts";
import { perSecond } from "../report/statistics.ts";
import { migrateNative } from "./migrator.ts";

const WORKER = fileURLToPath(new URL("ceiling-worker.ts", import.meta.url));

/** What the bare loop is to do. */
export interface NativeCeilingJob {
  server: Server;
  /** They take turns, each with its share of the pages. */
  contenders: readonly Contender[];
}

/** What one client of the bare loop took for its share. Milliseconds. */
export interface ClientTime {
  contender: Contender;
  writes: number;
  ms: number;
}

/** One run of the bare loop. */
export interface NativeCeiling {
  clients: readonly ClientTime[];
  /** From the first list of the old group to the last write. */
  ms: number;
  writes: number;
  load: LoadAtStart;
}

/**
 * Copies a bed in a bare loop in a process of its own: lists the old group, converts, and creates the native objects, rank
 * by rank, without checkpoints, field managers or a look at the answers. The bed is as the migrator's own copy meets it.
 */
export async function measureNativeCeiling(
  bed: NativeBed,
  contenders: readonly Contender[],
): Promise<NativeCeiling> {
  await withStorePath("disk", (store) => migrateNative(bed, { store, stopBefore: "pre-copy" }));
  const { server: origin, token, api } = bed.kubernetes;
  const load = await untilQuiet();
  const { clients, ms } = await inWorker({ server: { origin, token, ca: api.ca }, contenders });
  return { clients, ms, writes: clients.reduce((sum, { writes }) => sum + writes, 0), load };
}

/** All clients in turn on one bed; returns them, the fastest first. */
export async function tryClients(bed: NativeBed): Promise<ClientTime[]> {
  const { clients } = await measureNativeCeiling(bed, CONTENDERS);
  return clients.toSorted((one, other) => perSecond(other.writes, other.ms) - perSecond(one.writes, one.ms));
}

async function inWorker(job: NativeCeilingJob): Promise<Pick<NativeCeiling, "clients" | "ms">> {
  const working = promisify(execFile)(process.execPath, [WORKER]);
  const pid = working.child.pid ?? 0;
  guard({ pid });
  working.child.stdin?.end(JSON.stringify(job));
  try {
    return JSON.parse((await working).stdout) as Pick<NativeCeiling, "clients" | "ms">;
  } finally {
    release({ pid });
  }
}
