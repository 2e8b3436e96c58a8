import { readFileSync } from "node:fs";

/** What Linux tells of a process. */
export interface ProcessFacts {
  /** The most memory that it ever had resident (VmHWM). Bytes. */
  peakRssBytes: number;
  /** The flags that its Node was started with. */
  nodeFlags: readonly string[];
}

/**
 * The process of the tree under `pid` that has needed most memory: the launcher may have started another Node than the
 * one that it runs on itself. Undefined once all have ended, and where there is no /proc.
 */
export function largestProcess(pid: number): ProcessFacts | undefined {
  const facts = tree(pid).map(factsOf);
  return facts
    .filter((one) => one !== undefined)
    .reduce<ProcessFacts | undefined>(
      (most, one) => (most === undefined || one.peakRssBytes > most.peakRssBytes ? one : most),
      undefined,
    );
}

function tree(pid: number): number[] {
  const children = textOf(`/proc/${pid}/task/${pid}/children`).trim();
  return [pid, ...children.split(" ").filter(Boolean).map(Number).flatMap(tree)];
}

function factsOf(pid: number): ProcessFacts | undefined {
  const peakRssBytes = parsePeakRss(textOf(`/proc/${pid}/status`));
  if (peakRssBytes === undefined) return undefined;
  return { peakRssBytes, nodeFlags: parseNodeFlags(textOf(`/proc/${pid}/cmdline`)) };
}

/** VmHWM out of /proc/PID/status, in bytes; undefined for a process that has ended. */
export function parsePeakRss(status: string): number | undefined {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** The flags between the program and the script of /proc/PID/cmdline. */
export function parseNodeFlags(commandLine: string): string[] {
  const [, ...args] = commandLine.split("\0");
  const script = args.findIndex((argument) => !argument.startsWith("-"));
  return args.slice(0, script === -1 ? 0 : script);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It ended meanwhile.
    return "";
  }
}
