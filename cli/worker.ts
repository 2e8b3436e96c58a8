import { runLease } from "../shared/engine/lease-names.ts";
import type { CheckpointStore } from "../shared/engine/ports.ts";
import { isEnd, type LeaseHolder, type RunRecord } from "../shared/engine/records.ts";
import { driverLease } from "./drive/driver.ts";
import { duration } from "./output/durations.ts";
import type { Session } from "./session.ts";

/** Who works on a run: a process that drives it, or a function that advances it right now; undefined when nobody does. */
export async function workerOf(
  store: Pick<CheckpointStore, "findHolder">,
  run: RunRecord,
): Promise<LeaseHolder | undefined> {
  if (isEnd(run.state)) return undefined;
  return (await store.findHolder(driverLease(run.runId))) ?? (await store.findHolder(runLease(run.runId)));
}

/**
 * The state of a run for people. What is recorded as running runs only while somebody works on it: a process that has
 * ended can no longer say so. Functions come and go by themselves, so of a stack it is as recorded.
 */
export function stateText(
  { kind }: Pick<Session, "kind">,
  { state }: RunRecord,
  worker: LeaseHolder | undefined,
): string {
  const runs = state === "Running" || state === "RollingBack";
  return kind === "store" && runs && worker === undefined ? `${state}(NoWorker)` : state;
}

/** A worker for people: where it is, and for how long it has had the run; empty for a run that needs none. */
export function workerText(run: RunRecord, worker: LeaseHolder | undefined, now: number): string {
  if (isEnd(run.state)) return "";
  if (worker === undefined) return "none";
  const age = worker.since === undefined ? "" : ` (${duration(Math.max(0, now - worker.since))})`;
  return `${processText(worker.holder)}${age}`;
}

/** Of a process of a machine: the host and the process id. Anything else as it is. */
function processText(holder: string): string {
  const [host, boot, pid] = holder.split(":");
  return boot === undefined || pid === undefined ? holder : `${host ?? ""}:${pid}`;
}
