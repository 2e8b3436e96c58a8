import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { guard, release } from "../../harness/watchdog.ts";
import { largestProcess, type ProcessFacts } from "./process-facts.ts";
import { readRunTimes, type RunTimes } from "./records.ts";

/** The command line's program. */
export const PROGRAM = join(import.meta.dirname, "..", "..", "..", "cli", "bin.mjs");
const SAMPLE_MS = 50;
const EVENT = '{"line":"event"';
const LINES_KEPT = 20;
/** As of a run that waits for an approval. */
const ACTION_NEEDED = 4;

/** How to migrate. */
export interface MigrateOptions {
  store: string;
  /** Leave the run waiting before this stage. */
  stopBefore?: string;
  /** Is told when a stage begins; what it returns is awaited at the end. */
  onStage?: (stage: string) => Promise<void>;
}

/** What a migration took. */
export interface MigratorRun extends RunTimes, ProcessFacts {
  /** From the start of the program to its end. Milliseconds. */
  wallMs: number;
}

/** Starts a migration with the command line in a process of its own, as a person would. Throws an Error when it fails. */
export async function runMigrator(
  words: readonly string[],
  { store, stopBefore, onStage }: MigrateOptions,
): Promise<MigratorRun> {
  const startedAt = performance.now();
  const child = start([
    ...["start", ...words, "--output", "json", "--yes", "--store", store],
    ...(stopBefore === undefined ? [] : ["--stop-before", stopBefore]),
  ]);
  const progress = followStages(child, onStage);
  const memory = watchMemory(child.pid ?? 0);
  const [code] = (await once(child, "close")) as [number | null];
  const wallMs = performance.now() - startedAt;
  const facts = memory();
  release({ pid: child.pid ?? 0 });
  if (code !== (stopBefore === undefined ? 0 : ACTION_NEEDED)) {
    throw new Error(`the migrator ended with ${String(code)}: ${progress.told.join("\n")}`);
  }
  if (progress.stages === 0)
    throw new Error("the migrator told of no stage: its progress was not understood");
  await Promise.all(progress.reactions);
  return { wallMs, ...facts, ...(await readRunTimes(store)) };
}

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (child.pid !== undefined) guard({ pid: child.pid });
  return child;
}

/** The peak only grows, so the last look before the end is the one that counts. */
function watchMemory(pid: number): () => ProcessFacts {
  // Where the system does not tell, the peak is unknown rather than nothing.
  let last: ProcessFacts = { peakRssBytes: NaN, nodeFlags: [] };
  const look = (): void => {
    last = largestProcess(pid) ?? last;
  };
  const timer = setInterval(look, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    return last;
  };
}

interface Progress {
  /** How many stages it said have begun. */
  stages: number;
  reactions: Promise<void>[];
  /** The last lines that were no events. */
  told: string[];
}

/** Progress and errors are told on standard error, so that the result stands alone on standard output. */
function followStages({ stderr }: ChildProcess, onStage: MigrateOptions["onStage"]): Progress {
  const progress: Progress = { stages: 0, reactions: [], told: [] };
  if (stderr === null) return progress;
  createInterface({ input: stderr }).on("line", (line) => {
    const stage = startedStage(line);
    if (stage === undefined) {
      if (!line.startsWith(EVENT)) progress.told = [...progress.told, line].slice(-LINES_KEPT);
      return;
    }
    progress.stages++;
    if (onStage === undefined) return;
    const reaction = onStage(stage);
    // Its failure is thrown once the migrator has ended.
    reaction.catch(() => undefined);
    progress.reactions.push(reaction);
  });
  return progress;
}

/** The stage that a line of the command line's output says has begun. */
export function startedStage(line: string): string | undefined {
  if (!line.startsWith(EVENT)) return undefined;
  const { type, data } = JSON.parse(line) as { type: string; data: { stage?: string } };
  return type === "stage.started" ? data.stage : undefined;
}
