import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { guard, release } from "../../harness/watchdog.ts";
import type { NativeBed } from "../../rig/native/bed.ts";
import { type MigrateOptions, type MigratorRun, startedStage } from "../migrator/migrate.ts";
import { largestProcess, type ProcessFacts } from "../migrator/process-facts.ts";
import { readRunTimes, timeOf } from "../migrator/records.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", "..", "cli", "bin.mjs");
const SAMPLE_MS = 50;
const LINES_KEPT = 20;
/** As of a run that waits for an approval. */
const ACTION_NEEDED = 4;

/** Migrates a bed with the command line in a process of its own, as a person would. Throws an Error when it fails. */
export async function migrateNative(bed: NativeBed, options: MigrateOptions): Promise<MigratorRun> {
  const { store, stopBefore, onStage } = options;
  const startedAt = performance.now();
  const child = start([
    ...["start", "apiserver-to-crds", "--output", "json", "--yes", "--store", store],
    ...["--kubeconfig", bed.kubernetes.kubeconfig],
    ...(stopBefore === undefined ? [] : ["--stop-before", stopBefore]),
  ]);
  const progress = follow(child, onStage);
  const code = await ended(child);
  const wallMs = performance.now() - startedAt;
  if (code !== (stopBefore === undefined ? 0 : ACTION_NEEDED)) {
    throw new Error(`the migrator ended with ${String(code)}: ${progress.told.join("\n")}`);
  }
  await Promise.all(progress.reactions);
  return { wallMs, ...progress.facts, ...(await readRunTimes(store)) };
}

/** From the lock of both groups to the unlock of the native one. Milliseconds. */
export function lockWindowOf(run: Pick<MigratorRun, "stages">): number {
  const unlock = timeOf(run, "unlock");
  return unlock.startedAt + unlock.ms - timeOf(run, "lock").startedAt;
}

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (child.pid !== undefined) guard({ pid: child.pid });
  return child;
}

async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, "close")) as [number | null];
  release({ pid: child.pid ?? 0 });
  return code;
}

interface Progress {
  reactions: Promise<void>[];
  /** The last lines that told of no stage. */
  told: string[];
  /** The peak only grows, so the last look before the end is the one that counts. */
  facts: ProcessFacts;
}

/** Looks at the process, and tells of its stages, until it has ended. */
function follow(child: ChildProcess, onStage: MigrateOptions["onStage"]): Progress {
  const progress: Progress = { reactions: [], told: [], facts: { peakRssBytes: NaN, nodeFlags: [] } };
  const timer = setInterval(() => {
    progress.facts = largestProcess(child.pid ?? 0) ?? progress.facts;
  }, SAMPLE_MS);
  child.once("close", () => {
    clearInterval(timer);
  });
  if (child.stderr === null) return progress;
  createInterface({ input: child.stderr }).on("line", (line) => {
    const stage = startedStage(line);
    if (stage === undefined) progress.told = [...progress.told, line].slice(-LINES_KEPT);
    else if (onStage !== undefined) progress.reactions.push(reaction(onStage, stage));
  });
  return progress;
}

/** What is done when a stage begins; its failure is thrown once the migrator has ended. */
function reaction(onStage: (stage: string) => Promise<void>, stage: string): Promise<void> {
  const reacting = onStage(stage);
  reacting.catch(() => undefined);
  return reacting;
}
