import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { batchLease, runLease } from "../../shared/engine/lease-names.ts";
import type { CheckpointStore } from "../../shared/engine/ports.ts";
import type { BatchRecord, RunRecord, RunState } from "../../shared/engine/records.ts";
import { refuseAlive } from "./alive.ts";

const RUN = "etcd-to-kubernetes-1a2b3c4d";
const BATCHES = 150;

function aRun(state: RunState, more: Partial<RunRecord> = {}): RunRecord {
  const run = {
    runId: RUN,
    cluster: "prod",
    state,
    track: "forward",
    stage: "copy",
    holdsCluster: true,
    ...more,
  };
  return run as RunRecord;
}

/** A stack's table with these runs, of which each has open batches; somebody has this lease. */
function table(runs: readonly RunRecord[], lease?: string): Parameters<typeof refuseAlive>[0] {
  const batchesOf = (run: RunRecord): BatchRecord[] =>
    Array.from({ length: BATCHES }, (_, batch) => ({ ...run, batch }) as unknown as BatchRecord);
  const store: Partial<CheckpointStore> = {
    getRun: (runId) => Promise.resolve(runs.find((run) => run.runId === runId)),
    listRuns: ({ cluster }) => Promise.resolve({ items: runs.filter((run) => run.cluster === cluster) }),
    findHolder: (name) => Promise.resolve(name === lease ? { holder: "function" } : undefined),
    listOpenBatches: ({ runId }, { after = -1, limit }) =>
      Promise.resolve(
        runs
          .filter((run) => run.runId === runId)
          .flatMap(batchesOf)
          .slice(after + 1, after + 1 + limit),
      ),
  };
  const world = { clock: { now: () => 0 } };
  return { kind: "aws", store, world, flags: { aws: true } } as unknown as Parameters<typeof refuseAlive>[0];
}

const lifting = { lockedBy: RUN, cluster: undefined, unfinished: undefined };

describe("a lock is lifted without its run", () => {
  test("only where that has ended, or nobody knows it", async () => {
    for (const state of ["Succeeded", "RolledBack", "Aborted", "Abandoned"] as const)
      await refuseAlive(table([aRun(state)]), lifting);
    await refuseAlive(table([]), lifting);
    for (const state of ["Running", "Waiting", "Failed", "RollingBack"] as const)
      await assert.rejects(refuseAlive(table([aRun(state)]), lifting), { code: "RUN_ALIVE" });
  });

  test("and only where no other run holds the cluster", async () => {
    const other = aRun("Waiting", { runId: "restore-1a2b3c4d" });
    const runs = [aRun("Abandoned"), other];
    const rejected = refuseAlive(table(runs), lifting);
    await assert.rejects(rejected, { code: "RUN_ALIVE", message: /"restore-1a2b3c4d" on prod/ });
    await refuseAlive(table([aRun("Abandoned"), { ...other, holdsCluster: false }]), lifting);
    await refuseAlive(table([other]), lifting);
    await assert.rejects(refuseAlive(table([other]), { ...lifting, cluster: "prod" }), { code: "RUN_ALIVE" });
  });

  test("where it is named as unfinished, unless somebody works on it or on one of its batches", async () => {
    const unfinished = { ...lifting, unfinished: RUN };
    await refuseAlive(table([aRun("Running")]), unfinished);
    const batch = batchLease({ runId: RUN, track: "forward", stage: "copy", batch: BATCHES - 1 });
    for (const lease of [runLease(RUN), batch])
      await assert.rejects(refuseAlive(table([aRun("Running")], lease), unfinished), {
        code: "RUN_ALIVE",
        message: /function works on it/,
      });
    await assert.rejects(refuseAlive(table([aRun("Running")]), { ...lifting, unfinished: "another" }), {
      code: "RUN_ALIVE",
    });
  });
});
