import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { SeedOptions } from "../../harness/seed.ts";
import { guard, release } from "../../harness/watchdog.ts";
import { say, withSides } from "../clusters.ts";
import type { LoadAtStart } from "../report/machine.ts";
import { CEILING, type Server } from "./clients.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** What the bare loop is to do. */
export interface CeilingJob {
  server: Server;
  seed: SeedOptions;
}

/** What the bare loop took. Milliseconds. */
export interface CeilingTime {
  writes: number;
  ms: number;
  /** Time on a processor, all threads together. */
  cpuMs: number;
}

/** One run of the bare loop. */
export interface CeilingRun extends CeilingTime {
  load: LoadAtStart;
}

/**
 * Writes what a migration would copy, in a bare loop in a process of its own, to a fresh cluster. `nodeFlags` are those
 * that the migrator runs with.
 */
export function measureCeiling(seed: SeedOptions, nodeFlags: readonly string[]): Promise<CeilingRun> {
  say(`ceiling with ${CEILING}`);
  return withSides(seed, async ({ kubernetes }, load) => {
    const { server: origin, token, api } = kubernetes;
    const job = { server: { origin, token, ca: api.ca }, seed };
    return { load, ...(await inWorker(job, nodeFlags)) };
  });
}

async function inWorker(job: CeilingJob, nodeFlags: readonly string[]): Promise<CeilingTime> {
  const child = spawn(process.execPath, [...nodeFlags, WORKER], {
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const pid = child.pid ?? 0;
  guard({ pid });
  const ended = once(child, "exit");
  try {
    child.send(job);
    await answer(child, ended);
    child.send("go");
    return (await answer(child, ended)) as CeilingTime;
  } finally {
    child.kill();
    await ended;
    release({ pid });
  }
}

async function answer(child: ChildProcess, ended: Promise<unknown>): Promise<unknown> {
  const failed = ended.then(() => {
    throw new Error("the bare loop has ended without a result");
  });
  const [message] = (await Promise.race([once(child, "message"), failed])) as [unknown];
  return message;
}
