import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { machineId } from "./machine.ts";

/** Who holds a lease: a process, told from every other that ever was. */
interface Holder {
  host: string;
  /** Tells machines of one host name apart; empty where the system does not tell. */
  machine: string;
  /** One boot of the kernel; empty where the system does not tell. */
  boot: string;
  /** In which namespace `pid` counts; empty where the system has none. */
  pidNamespace: string;
  pid: number;
  /** When the process started, in ticks since the boot; empty where the system does not tell. */
  startTime: string;
}

const FORM =
  /^(?<host>[^:]+):(?<machine>[0-9a-f]*)\/(?<boot>[^:/]*)\/(?<ns>\d*):(?<pid>[1-9]\d*):(?<start>\d*):[0-9a-f]+$/;

const here = {
  host: encodeURIComponent(hostname()),
  machine: machineId(),
  boot: textOf("/proc/sys/kernel/random/boot_id"),
  pidNamespace: linkOf("/proc/self/ns/pid").replace(/\D/g, ""),
};

/**
 * A name for a lease's holder, different at each call: `host:machine/boot/pidNamespace:pid:startTime:random`. Other processes
 * of this host can tell from it whether the holder still lives, see {@link isHolderDead}.
 */
export function holderName(): string {
  const startTime = statOf(process.pid)?.startTime ?? "";
  const random = randomBytes(6).toString("hex");
  const place = `${here.machine}/${here.boot}/${here.pidNamespace}`;
  return [here.host, place, process.pid, startTime, random].join(":");
}

/**
 * True only when the holder was a process of this host that certainly is no more: the host has booted since, no process
 * has its pid, or another one has it now. False for names that {@link holderName} did not make, and for other hosts.
 */
export function isHolderDead(name: string): boolean {
  const holder = parseHolder(name);
  if (holder?.host !== here.host || holder.machine !== here.machine) return false;
  // Of a machine without an id it is not known whether it was this one that booted, or is another one of the same name.
  if (holder.boot !== here.boot) return holder.machine !== "" && holder.boot !== "" && here.boot !== "";
  if (holder.pidNamespace !== here.pidNamespace) return false;
  const stat = statOf(holder.pid);
  // A process of another user may be hidden in /proc, but still answers to the null signal.
  if (stat === undefined) return !answersSignal(holder.pid);
  return stat.zombie || (holder.startTime !== "" && stat.startTime !== holder.startTime);
}

function parseHolder(name: string): Holder | undefined {
  const match = FORM.exec(name);
  const { host, machine, boot, ns, pid, start } = match?.groups ?? {};
  if (host === undefined || machine === undefined || boot === undefined) return undefined;
  if (ns === undefined || start === undefined) return undefined;
  return { host, machine, boot, pidNamespace: ns, pid: Number(pid), startTime: start };
}

/** Fields 3 (state) and 22 (start time) of proc_pid_stat(5); field 2 is in brackets and may hold anything. */
function statOf(pid: number): { zombie: boolean; startTime: string } | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  if (state === undefined || startTime === undefined) return undefined;
  return { zombie: state === "Z" || state === "X", startTime };
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
}
