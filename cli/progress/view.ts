import { openLock } from "../../shared/engine/lock.ts";
import { allStages, type Migration, type StageTraits } from "../../shared/engine/migration.ts";
import type { RunRecord, StageRecord } from "../../shared/engine/records.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { retriesText } from "../drive/retries.ts";
import type { Snapshot } from "../drive/snapshot.ts";
import { Rate } from "./rate.ts";

type AnyMigration = Pick<Migration<ClusterConnections>, "stages" | "beforeUndo" | "afterUndo">;
type Traits = StageTraits<ClusterConnections, JsonObject>;

/** One stage as it is shown. Durations are milliseconds. */
export interface StageView {
  name: string;
  title: string;
  /** `stopped`: it was under way when the run turned back, and nobody goes on with it. */
  state: "done" | "running" | "waiting" | "failed" | "stopped";
  /**
   * Resources done, and those known to be there; both 0 for stages that do not go through resources. Where nobody knows beforehand
   * how many there are, `total` is 0 until the end.
   */
  done: number;
  total: number;
  perSecond?: number;
  leftMs?: number;
  elapsedMs: number;
  /** Why it waits or failed. */
  message?: string;
  /** What is tried again, and why. */
  retries?: string;
}

/** A run as it is shown. */
export interface RunView {
  runId: string;
  cluster: string;
  state: RunRecord["state"];
  elapsedMs: number;
  /** How long a datastore has been locked; undefined while none is. */
  lockedMs?: number;
  stages: StageView[];
}

/** Makes views of one run out of its snapshots, and remembers what rates need. */
export class Viewer {
  readonly #rates = new Map<string, Rate>();
  readonly #traits: ReadonlyMap<string, Traits>;

  constructor(migration: AnyMigration) {
    this.#traits = new Map(allStages(migration).map((stage) => [stage.name, stage]));
  }

  view(snapshot: Snapshot): RunView {
    const { run, stages, now } = snapshot;
    const shown = stages.map((stage) => this.#stage(snapshot, stage));
    const lockedAt = run.lock === undefined ? lockedSince(stages, this.#traits) : openLock(run)?.since;
    return {
      runId: run.runId,
      cluster: run.cluster,
      state: run.state,
      elapsedMs: (run.finishedAt ?? now) - run.createdAt,
      ...(lockedAt === undefined ? {} : { lockedMs: now - lockedAt }),
      stages: [...shown, ...this.#awaited(snapshot)],
    };
  }

  #stage({ run, stages, retries, now }: Snapshot, record: StageRecord): StageView {
    const known = Math.max(record.total, this.#expected(stages, record));
    const counted = countedOf(record);
    const total = known === 0 && record.state === "done" ? counted : known;
    const done = total === 0 ? counted : progressOf(record, counted, total);
    const elapsedMs = (record.finishedAt ?? now) - record.startedAt;
    const named = { name: record.stage, title: this.#traits.get(record.stage)?.title ?? record.stage };
    if (record.state === "done") {
      const perSecond = total === 0 || elapsedMs <= 0 ? {} : { perSecond: (total * 1000) / elapsedMs };
      return { ...named, state: "done", done: total, total, elapsedMs, ...perSecond };
    }
    if (record.track !== run.track) return { ...named, state: "stopped", done, total, elapsedMs };
    return {
      ...named,
      ...currentState(run, record.stage),
      ...(retries?.stage === record.stage ? { retries: retriesText(retries) } : {}),
      ...{ done, total, elapsedMs },
      ...this.#pace(record, now, done, total),
    };
  }

  #pace(
    record: StageRecord,
    now: number,
    done: number,
    total: number,
  ): Pick<StageView, "perSecond" | "leftMs"> {
    const key = `${record.track}/${record.stage}`;
    const rate = this.#rates.get(key) ?? new Rate();
    this.#rates.set(key, rate);
    rate.note(now, done);
    const { perSecond } = rate;
    if (perSecond === undefined || perSecond <= 0 || total === 0) return {};
    return { perSecond, leftMs: ((total - done) * 1000) / perSecond };
  }

  /**
   * How many resources a sweep will go through while that is not all planned yet: before the lock, as many as were
   * counted by a stage before it. Inside the lock it is only what changed.
   */
  #expected(stages: readonly StageRecord[], record: StageRecord): number {
    const planning = record.state === "running" && !record.planned && record.total > 0;
    if (!planning || record.track !== "forward" || lockedSince(stages, this.#traits) !== undefined) return 0;
    const counted = stages.map(({ notes }) => notes["byKind"]).find((byKind) => byKind !== undefined);
    return Object.values(counted ?? {}).reduce<number>((sum, count) => sum + Number(count), 0);
  }

  /** The stage that has not begun because it waits for an approval. */
  #awaited({ run, stages }: Snapshot): StageView[] {
    const { stage: name, track } = run;
    if (name === undefined || stages.some((one) => one.track === track && one.stage === name)) return [];
    const title = this.#traits.get(name)?.title ?? name;
    return [{ name, title, ...currentState(run, name), done: 0, total: 0, elapsedMs: 0 }];
  }
}

function countedOf({ counts }: StageRecord): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function progressOf(record: StageRecord, counted: number, total: number): number {
  return record.planned && record.openBatches === 0 ? total : Math.min(counted, total);
}

/** The stage that goes on, where it goes through resources. */
export function currentStage({ stages }: RunView): StageView | undefined {
  return stages.find(({ state, done, total }) => state === "running" && done + total > 0);
}

function currentState(run: RunRecord, stage: string): Pick<StageView, "state" | "message"> {
  if (run.stage !== stage) return { state: "running" };
  if (run.failure !== undefined)
    return { state: "failed", message: `${run.failure.message} (${run.failure.code})` };
  if (run.waiting === undefined) return { state: "running" };
  return { state: "waiting", message: `${run.waiting.reason}: ${run.waiting.message}` };
}

/**
 * Since when a datastore is locked by its stages: of runs that do not tell. Milliseconds since the epoch. What locks and is
 * not done may have locked nothing yet, and a run that tells has told by then.
 */
function lockedSince(
  stages: readonly StageRecord[],
  traits: ReadonlyMap<string, Traits>,
): number | undefined {
  let since: number | undefined;
  for (const { stage, startedAt, state } of stages) {
    const lockWindow = traits.get(stage)?.lockWindow;
    if (lockWindow === "begins" && state === "done") since ??= startedAt;
    if (lockWindow === "ends" && state === "done") since = undefined;
  }
  return since;
}
