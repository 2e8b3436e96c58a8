import type { JsonObject } from "../json.ts";
import type { Shown } from "./approvals.ts";
import { stageContext } from "./context.ts";
import { HeldLease } from "./held-lease.ts";
import { runLease } from "./lease-names.ts";
import type { Migration, StageContext } from "./migration.ts";
import type { RunControl, RunRecord, StageRecord } from "./records.ts";
import type { EngineParts } from "./settings.ts";
import { shownBefore } from "./stage-runner.ts";

/** What a run is going to ask for, and before which stage. */
export interface Ask extends Shown {
  stage: string;
  subject: string;
  /** True where nothing brings back what was there before. */
  irreversible: boolean;
}

/**
 * What a run will ask people for on its way forward, as far as it is known now; whatever is approved already is told as well. Writes
 * nothing. Undefined while somebody works on the run.
 */
export async function asksOf<C>(
  parts: EngineParts<C>,
  { run, control, migration }: { run: RunRecord; control: RunControl; migration: Migration<C> },
  signal: AbortSignal,
): Promise<Ask[] | undefined> {
  const request = { name: runLease(run.runId), holder: parts.holder, ttlMs: parts.leaseTtlMs, signal };
  await using lease = await HeldLease.take(parts, request);
  if (lease === undefined) return undefined;
  const connections = await parts.connections.open(run.cluster, run.options);
  const announce = (): Promise<void> => Promise.reject(new Error("what is to be asked announces nothing"));
  const asks: Ask[] = [];
  for (const stage of migration.stages) {
    const { name, approvals = [], irreversible = false } = stage;
    const own = shownBefore(stage);
    if (own !== undefined) asks.push({ stage: name, subject: name, irreversible, ...own });
    const context: StageContext<C, JsonObject> = stageContext({
      ...{ parts, run, control, connections, lease, announce, tellLock: announce, mayRecord: false },
      stage: { ...EMPTY, runId: run.runId, stage: name },
    });
    for (const rule of approvals) {
      const shown = await rule.needed(context);
      if (shown !== undefined)
        asks.push({ stage: name, subject: rule.subject, irreversible: false, ...shown });
    }
  }
  return asks;
}

/** A stage that has not started. */
const EMPTY: Omit<StageRecord, "runId" | "stage"> = {
  track: "forward",
  state: "running",
  planned: false,
  notes: {},
  startedAt: 0,
  ...{ batches: 0, openBatches: 0, total: 0, counts: {} },
};
