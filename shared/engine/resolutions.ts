import { MigratorError } from "../errors.ts";
import type { Resolution, ResolutionRequest, RunControl, RunRecord } from "./records.ts";

/** What decides whether a resolution covers a conflict. */
export interface SeenConflict {
  /** As people name it, such as `NetworkPolicy/shop/web`; unique in its run. */
  key: string;
  kind: string;
  /** Fingerprint of both sides; see `fingerprint`. */
  seen: string;
  /** When it was first recorded with this fingerprint. Milliseconds since the epoch. */
  since: number;
}

/** A control record has to fit into an item of any store, beside everything else in it. */
const MAX_BYTES = 200_000;

/** The last decision that covers a conflict as it is now. */
export function resolutionOf(
  resolutions: readonly Resolution[] | undefined,
  conflict: SeenConflict,
): Resolution | undefined {
  return resolutions?.findLast((resolution) => covers(resolution, conflict));
}

/** True when whoever made the decision has seen the conflict as it is. */
function covers(resolution: ResolutionRequest, conflict: SeenConflict): boolean {
  if ("key" in resolution) return resolution.key === conflict.key && resolution.seen === conflict.seen;
  return resolution.kind === conflict.kind && conflict.since <= resolution.seenUpTo;
}

/** The key of a decision for people; `Kind/*` for all of a kind. */
export function resolutionKey(resolution: ResolutionRequest): string {
  return "key" in resolution ? resolution.key : `${resolution.kind}/*`;
}

/**
 * Adds decisions, each in place of an older one with the same key, and asks the run to look again. A run that has come to
 * wait for conflicts has gone by all older ones, and they are dropped. Throws RESOLUTIONS_TOO_MANY.
 */
export function withResolutions(
  control: RunControl,
  run: RunRecord,
  asked: { requests: readonly ResolutionRequest[]; by: string; at: number },
): RunControl {
  const { requests, by, at } = asked;
  const retries = control.retries + 1;
  const fresh = requests.map((request) => ({ ...request, by, at, retries }));
  const replaced = new Set(requests.map(resolutionKey));
  const older = hasGoneByAll(run, control) ? [] : (control.resolutions ?? []);
  const resolutions = [...older.filter((one) => !replaced.has(resolutionKey(one))), ...fresh];
  if (Buffer.byteLength(JSON.stringify(resolutions)) > MAX_BYTES)
    throw tooMany(run.runId, resolutions.length);
  return { ...control, resolutions, retries };
}

/** The decisions that a run has not gone by yet. */
export function newResolutions(run: RunRecord, control: RunControl): Resolution[] {
  return (control.resolutions ?? []).filter(({ retries }) => retries > run.retriesSeen);
}

function hasGoneByAll(run: RunRecord, control: RunControl): boolean {
  const waits = run.state === "Waiting" && run.waiting?.reason === "Conflict";
  return waits && control.retries === run.retriesSeen;
}

function tooMany(runId: string, count: number): MigratorError {
  return new MigratorError(
    "RESOLUTIONS_TOO_MANY",
    `${count} decisions about conflicts of run "${runId}" come to more than ${MAX_BYTES / 1000} KB`,
    {
      next: "Decide some hundreds, let the run go by them, then decide the next; or decide all of a kind at once, with the key `KIND/*`.",
      details: { runId, count },
    },
  );
}
