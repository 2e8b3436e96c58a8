import { cpus, loadavg, release, totalmem, type } from "node:os";
import type { JsonObject } from "../../../shared/json.ts";

/** Facts about the machine that figures depend on. */
export function machineFacts(): JsonObject {
  const processors = cpus();
  return {
    system: `${type()} ${release()}`,
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    node: process.version,
  };
}

/** The share of all cores' time that was spent on anything, between two readings of `os.cpus()`; from 0 to 1. */
export function busyShare(before: readonly CpuTimes[], after: readonly CpuTimes[]): number {
  const [first, last] = [sum(before), sum(after)];
  const total = last.total - first.total;
  return total === 0 ? 0 : 1 - (last.idle - first.idle) / total;
}

/** What `os.cpus()` tells of one core. */
export interface CpuTimes {
  times: { user: number; nice: number; sys: number; idle: number; irq: number };
}

function sum(processors: readonly CpuTimes[]): { idle: number; total: number } {
  const idle = processors.reduce((all, { times }) => all + times.idle, 0);
  const busy = processors.reduce((all, { times: t }) => all + t.user + t.nice + t.sys + t.irq, 0);
  return { idle, total: idle + busy };
}

/** How busy the machine was when a measurement began. */
export interface LoadAtStart {
  /** Load average of the last minute, which still holds the preparations. */
  load1: number;
  /** Share of all cores that was in use just before, from 0 to 1: nothing of the benchmark's own was under way. */
  busy: number;
}

/** The load as of now. */
export function loadNow(busy: number): LoadAtStart {
  return { load1: loadavg()[0] ?? 0, busy };
}
