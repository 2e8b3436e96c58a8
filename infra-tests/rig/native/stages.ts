import { setTimeout as sleep } from "node:timers/promises";
import type { StageRecord, Track } from "../../../shared/engine/records.ts";
import { isSettled } from "../../../shared/engine/settled.ts";
import type { TestEngine } from "../runs.ts";

/** Resolves as soon as a run has begun a stage. Throws when it stops before that. */
export async function untilBegun(
  rig: TestEngine,
  runId: string,
  stage: string,
  track: Track = "forward",
): Promise<void> {
  while ((await stageOf(rig, runId, stage, track)) === undefined) {
    const { run, control } = await rig.engine.describe(runId);
    if (isSettled(run, control)) throw new Error(`the run stopped before ${stage}: ${JSON.stringify(run)}`);
    await sleep(10);
  }
}

/** The record of a stage that has begun. */
export async function stageOf(
  { engine }: TestEngine,
  runId: string,
  stage: string,
  track: Track = "forward",
): Promise<StageRecord | undefined> {
  const { stages } = await engine.describe(runId);
  return stages.find((one) => one.stage === stage && one.track === track);
}
