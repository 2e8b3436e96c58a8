import { openLock } from "../shared/engine/lock.ts";
import { type DatastoreLock, isEnd, type RunRecord } from "../shared/engine/records.ts";
import { duration, timestamp } from "./output/durations.ts";
import { paintFor } from "./output/paint.ts";
import type { Session } from "./session.ts";

const DAY = 86_400_000;

/** How long a lock has lasted, for a column; empty where nothing is locked. */
export function lockedFor(run: RunRecord, now: number): string {
  const lock = openLock(run);
  if (lock === undefined) return "";
  if (isEnd(run.state)) return "at its end";
  return isCertain(lock) ? brief(now - lock.since) : `perhaps ${brief(now - lock.since)}`;
}

/** The line that must not be missed: since when pods get no network, and what ends that; undefined where nothing is locked. */
export function lockLine(run: RunRecord, now: number): string | undefined {
  const lock = openLock(run);
  if (lock === undefined) return undefined;
  if (isEnd(run.state)) return leftLine(run, lock, now);
  const what = isCertain(lock) ? "DATASTORE LOCKED" : "DATASTORE PERHAPS LOCKED";
  return `${what} since ${clockTime(lock.since, now)} (${brief(now - lock.since)}): new pods get no network until ${remedy(run)}`;
}

/** A run that has ended knows nothing of what became of its lock since: others may have lifted it. */
function leftLine({ state, finishedAt, updatedAt }: RunRecord, lock: DatastoreLock, now: number): string {
  const ended = clockTime(finishedAt ?? updatedAt, now);
  const what = isCertain(lock) ? "DATASTORE LOCKED" : "DATASTORE PERHAPS LOCKED";
  return `${what} at ${ended}, when the run became ${state}: \`unlock\` shows whether it still is, and lifts it with --force; see docs/break-glass.md`;
}

/** Tells people of the locks of these runs, in red, after everything else. */
export function tellLocks(
  { world, flags }: Pick<Session, "world" | "flags">,
  runs: readonly RunRecord[],
  named = runs.length > 1,
): void {
  if (flags.output === "json") return;
  const paint = paintFor(world, world.stderr, flags.color);
  for (const run of runs) {
    const line = lockLine(run, world.clock.now());
    if (line !== undefined) world.stderr.write(`${paint("bad", named ? `${run.runId}: ${line}` : line)}\n`);
  }
}

/** The lock of a run as part of a document. */
export function lockDocument({ datastore, state, since, until, forPersonMs }: DatastoreLock): object {
  const ended = until === undefined ? {} : { until: timestamp(until) };
  return { datastore, state, since: timestamp(since), ...ended, forPersonMs };
}

/** What ends a lock. */
function remedy({ state, track, waiting }: RunRecord): string {
  const back = track === "forward" ? " or `rollback`" : "";
  if (state === "Waiting" && waiting?.reason === "Approval") return `\`approve\`${back}`;
  if (state === "Waiting" && waiting?.reason === "Conflict") return `\`conflicts resolve\`${back}`;
  const isStopped = state === "Failed" || waiting?.reason === "Paused";
  return isStopped ? `\`resume\`${back}` : `the run goes on (\`resume\`${back}, if nothing works on it)`;
}

function isCertain({ state }: DatastoreLock): boolean {
  return state === "locked";
}

/** The time of the day in UTC; with the day where that is another one than today's. */
function clockTime(ms: number, now: number): string {
  const [day = "", time = ""] = timestamp(ms).replace("Z", "").split("T");
  return Math.floor(ms / DAY) === Math.floor(now / DAY) ? time : `${day} ${time}`;
}

/** A duration as short as it can be said. */
function brief(ms: number): string {
  const positive = Math.max(0, ms);
  if (positive < 60_000) return `${Math.floor(positive / 1000)} s`;
  return positive < 3_600_000 ? `${Math.floor(positive / 60_000)} min` : duration(positive);
}
