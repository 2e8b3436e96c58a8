import type { LeaseHolder, RunControl, RunRecord, StageRecord, Waiting } from "../shared/engine/records.ts";
import { resolutionKey } from "../shared/engine/resolutions.ts";
import { lockDocument } from "./lock.ts";
import { timestamp } from "./output/durations.ts";

/** The version of everything that is printed as JSON or YAML. */
export const API_VERSION = "calico-migrator.io/v1";

/** A run as a document, after the conventions of Kubernetes objects. */
export function runDocument(
  run: RunRecord,
  more: { control?: RunControl; stages?: readonly StageRecord[]; status?: object } = {},
): object {
  const { control, stages } = more;
  return {
    apiVersion: API_VERSION,
    kind: "Run",
    metadata: { name: run.runId, creationTimestamp: timestamp(run.createdAt) },
    spec: {
      migration: run.migration,
      cluster: run.cluster,
      options: run.options,
      ...(control === undefined ? {} : controlPart(control)),
    },
    status: {
      state: run.state,
      track: run.track,
      stage: run.stage,
      waiting: run.waiting === undefined ? undefined : waitingDocument(run.waiting),
      failure: run.failure,
      leftBehind: run.leftBehind,
      conditions: run.conditions,
      lock: run.lock === undefined ? undefined : lockDocument(run.lock),
      updatedAt: timestamp(run.updatedAt),
      finishedAt: run.finishedAt === undefined ? undefined : timestamp(run.finishedAt),
      ...(stages === undefined ? {} : { stages: stages.map(stageDocument) }),
      ...more.status,
    },
  };
}

function waitingDocument({ retryAt, ...waiting }: Waiting): object {
  return retryAt === undefined ? waiting : { ...waiting, retryAt: timestamp(retryAt) };
}

/** Who works on a run, as part of a document. */
export function workerDocument({ holder, since }: LeaseHolder): object {
  return since === undefined ? { holder } : { holder, since: timestamp(since) };
}

/** Several documents as one. */
export function listDocument(kind: string, items: readonly object[]): object {
  return { apiVersion: API_VERSION, kind, items };
}

function controlPart({
  pause,
  stopBefore,
  undo,
  undoCause,
  approvals,
  resolutions = [],
  leftOut = [],
}: RunControl): object {
  const given = approvals.map(({ subject, by, at }) => ({ subject, by, at: timestamp(at) }));
  const decided = resolutions.map((one) => ({
    key: resolutionKey(one),
    use: one.use,
    by: one.by,
    at: timestamp(one.at),
  }));
  return {
    pause,
    stopBefore,
    undo,
    undoCause,
    approvals: given,
    ...(decided.length === 0 ? {} : { resolutions: decided }),
    ...(leftOut.length === 0 ? {} : { leftOut: leftOut.map((one) => ({ ...one, at: timestamp(one.at) })) }),
  };
}

function stageDocument(stage: StageRecord): object {
  const { stage: name, track, state, total, counts, notes, startedAt, finishedAt } = stage;
  const times = {
    startedAt: timestamp(startedAt),
    finishedAt: finishedAt === undefined ? undefined : timestamp(finishedAt),
  };
  return { name, track, state, ...times, total, counts, notes };
}
