import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import { guard, release } from "./watchdog.ts";

/** How to start a supervised server process. */
export interface ServerCommand {
  /** What it is, for messages: "kube-apiserver". */
  name: string;
  path: string;
  args: readonly string[];
  /** Standard output and error are appended to this file. */
  logFile: string;
}

/** A running server process. It never outlives this process, however this one ends, and never keeps it alive. */
export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  /** True until it has ended. */
  running(): boolean;
  /** Sends a signal and waits until the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void;
  /** The last lines of its log. */
  logTail(lines?: number): string;
}

// Servers get a bare environment: no proxy, token or setting of the user's may change what a test sees.
const ENVIRONMENT: NodeJS.ProcessEnv = { PATH: process.env["PATH"], HOME: "/nonexistent", TZ: "UTC" };

/** Starts a server in a process group of its own. Throws when the program cannot be started at all. */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const log = openSync(command.logFile, "a");
  const child = spawn(command.path, command.args, {
    detached: true,
    stdio: ["ignore", log, log],
    env: ENVIRONMENT,
  });
  closeSync(log);
  await once(child, "spawn");
  keepPriority(child.pid ?? 0);
  child.unref();
  return supervise(command, child);
}

// Linux shares the processor out by session: in one of its own, a process would lose the priority that it has from us.
function keepPriority(pid: number): void {
  const priority = getPriority();
  if (priority === 0) return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(priority));
  } catch {
    // Where sessions do not count, the priority it has is enough.
  }
}

function supervise({ name, logFile }: ServerCommand, child: ChildProcess): ServerProcess {
  const pid = child.pid ?? 0;
  guard({ pid });
  child.once("exit", () => {
    release({ pid });
  });
  const running = () => child.exitCode === null && child.signalCode === null;
  return {
    name,
    pid,
    running,
    signal: (signal) => void child.kill(signal),
    end: async (signal) => {
      if (!running()) return;
      child.ref();
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    },
    logTail: (lines = 30) => readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n"),
  };
}
