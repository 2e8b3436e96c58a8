import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { z } from "zod";
import { openEmbedded } from "../../../shared/adapters/embedded/index.ts";
import { SystemClock } from "../../../shared/adapters/system-clock.ts";
import type { StageRecord } from "../../../shared/engine/records.ts";

const Options = z.looseObject({ quietMs: z.number() });
const Report = z.looseObject({
  lock: z.looseObject({ windowMs: z.number().optional(), rolloutMs: z.number().optional() }),
});

/** How long a stage took, and how many resources it was about. */
export interface StageTime {
  stage: string;
  ms: number;
  total: number;
  startedAt: number;
}

/** What a store says of a run. Times are milliseconds. */
export interface RunTimes {
  /** From the start to the end, or to the last save of one that waits. */
  runMs: number;
  stages: readonly StageTime[];
  /** How long the locked source had to stay unchanged. */
  quietMs: number;
  /** Absent for a run that has not come so far. */
  lock?: { windowMs: number; rolloutMs: number };
}

/** Reads the times of the only run in a store. */
export async function readRunTimes(storePath: string): Promise<RunTimes> {
  const embedded = openEmbedded(storePath, { clock: new SystemClock() });
  try {
    const { items } = await embedded.store.listRuns({ limit: 1 });
    const [run] = items;
    if (run === undefined) throw new Error(`${storePath} holds no run`);
    const stages = await embedded.store.listStages(run.runId);
    const name = `runs/${run.runId}/report.json`;
    const reported = (await embedded.artifacts.find(name)) !== undefined;
    const { lock } = reported
      ? Report.parse(JSON.parse((await buffer(Readable.from(embedded.artifacts.read(name)))).toString()))
      : { lock: {} };
    return {
      runMs: (run.finishedAt ?? run.updatedAt) - run.createdAt,
      stages: stages.map(stageTime),
      quietMs: Options.parse(run.options).quietMs,
      ...(lock.windowMs === undefined || lock.rolloutMs === undefined
        ? {}
        : { lock: { windowMs: lock.windowMs, rolloutMs: lock.rolloutMs } }),
    };
  } finally {
    embedded.close();
  }
}

function stageTime({ stage, startedAt, finishedAt, total }: StageRecord): StageTime {
  return { stage, ms: finishedAt === undefined ? NaN : finishedAt - startedAt, total, startedAt };
}

/** The time of one stage. Throws an Error for a stage that has not ended. */
export function timeOf({ stages }: Pick<RunTimes, "stages">, stage: string): StageTime {
  const found = stages.find((one) => one.stage === stage);
  if (found !== undefined && !Number.isNaN(found.ms)) return found;
  throw new Error(`the stage ${stage} has not ended`);
}
