import type { TestContext } from "node:test";
import type { Checkpoint, CheckpointState, RunRecord, StageRecord } from "../../../../engine/records.ts";
import type { JsonObject } from "../../../../json.ts";
import { AdaptiveLimiter } from "../../../../kubernetes/limiter.ts";
import { connectFake } from "../../../../kubernetes/testing/connect-fake.ts";
import type { FakeApiServer } from "../../../../kubernetes/testing/fake-api-server.ts";
import { ApiserverToCrdsOptions } from "../../options.ts";
import type { MirrorContext } from "../context.ts";

export const MIRROR = "calico-migrator-run-1";
const GROUP = "migration.projectcalico.org";
const START = Date.parse("2026-11-21T10:00:00.000Z");

/** Milliseconds since the epoch, this many seconds after the run's start. */
export function at(seconds: number): number {
  return START + seconds * 1000;
}

/** A run that is shown on a fake API server. */
export interface ShownRun {
  readonly fake: FakeApiServer;
  /** Its checkpoints, and the stages that have started; to be changed by the test. */
  readonly rows: Checkpoint[];
  readonly stages: Map<string, StageRecord>;
  /** The run as it is now, for whoever shows it. */
  context(run?: Partial<RunRecord>, options?: JsonObject): MirrorContext;
  /** The status that is shown; undefined where there is no object. */
  status(): JsonObject | undefined;
  object(): JsonObject | undefined;
}

/** A cluster that serves DatastoreMigration in these versions. */
export async function showOn(test: TestContext, versions: readonly string[] = ["v1"]): Promise<ShownRun> {
  const documents =
    versions.length === 0
      ? {}
      : {
          [`/apis/${GROUP}`]: {
            versions: versions.map((version) => ({ groupVersion: `${GROUP}/${version}`, version })),
            preferredVersion: { version: versions[0] ?? "" },
          },
        };
  const { client, fake } = await connectFake(test, { documents });
  const connections = {
    kubernetes: client,
    limiter: new AdaptiveLimiter(),
    etcd: () => {
      throw new Error("there is no etcd in this migration");
    },
  };
  const rows: Checkpoint[] = [];
  const stages = new Map<string, StageRecord>();
  const object = (): JsonObject | undefined => fake.store.all("datastoremigrations")[0];
  return {
    fake,
    rows,
    stages,
    object,
    status: () => object()?.["status"] as JsonObject | undefined,
    context: (over = {}, options = {}) => ({
      run: runOf(over),
      options: ApiserverToCrdsOptions.parse({ mirrorStatus: true, ...options }),
      connections,
      clock: { now: () => at(0), sleep: () => Promise.resolve() },
      signal: new AbortController().signal,
      ensureHeld: () => undefined,
      ledger: () => ledgerOf(rows),
      notesOf: (stage) => Promise.resolve(stages.get(stage)?.notes ?? {}),
      stageOf: (stage) => Promise.resolve(stages.get(stage)),
    }),
  };
}

/** A stage that has started. */
export function stageRecord(stage: string, over: Partial<StageRecord> = {}): StageRecord {
  const counters = { batches: 0, openBatches: 0, total: 0, counts: {} };
  const state = { state: "running", planned: false, notes: {}, startedAt: at(0) } as const;
  return { runId: "run-1", track: "forward", stage, ...counters, ...state, ...over };
}

/** The checkpoint of a resource. */
export function checkpoint(kind: string, name: string, over: Partial<Checkpoint> = {}): Checkpoint {
  const { detail = {}, ...rest } = over;
  return {
    rank: 2,
    key: `${kind}/${name}`,
    target: `${kind}/${name}`,
    state: "applied",
    sourceRevision: 1,
    ...rest,
    detail: { kind, name, created: true, ...detail },
  };
}

function runOf(over: Partial<RunRecord>): RunRecord {
  const times = { createdAt: at(0), updatedAt: at(0) };
  const counters = { attempt: 0, retriesSeen: 0, version: 1, eventSequence: 0, eventsDelivered: 0 };
  return {
    ...{ runId: "run-1", migration: "apiserver-to-crds", cluster: "east", options: {} },
    ...{ state: "Running", track: "forward", conditions: [], holdsCluster: true },
    ...times,
    ...counters,
    ...over,
  };
}

function ledgerOf(rows: readonly Checkpoint[]): ReturnType<MirrorContext["ledger"]> {
  const isIn = (row: Checkpoint, states: readonly CheckpointState[] | undefined): boolean =>
    states?.includes(row.state) ?? true;
  return {
    put: () => Promise.reject(new Error("who shows a run writes no checkpoint")),
    get: () => Promise.resolve([]),
    findByTarget: () => Promise.resolve([]),
    list: ({ states, after, limit }) =>
      Promise.resolve(
        rows.filter((row) => isIn(row, states) && row.key > (after?.key ?? "")).slice(0, limit),
      ),
    count: () => {
      const counts: Partial<Record<CheckpointState, number>> = {};
      for (const { state } of rows) counts[state] = (counts[state] ?? 0) + 1;
      return Promise.resolve(counts);
    },
  };
}
