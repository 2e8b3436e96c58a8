import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CheckpointStore } from "../shared/engine/ports.ts";
import type { Checkpoint, CheckpointState, StageRecord } from "../shared/engine/records.ts";
import type { JsonObject } from "../shared/json.ts";
import { kindProgress, progressText } from "./kind-progress.ts";

function row(key: string, kind: string, state: CheckpointState, detail: JsonObject = {}): Checkpoint {
  return { rank: 1, key, state, target: key, sourceRevision: 0, detail: { kind, ...detail } };
}

function storeOf(rows: readonly Checkpoint[]): CheckpointStore {
  const listCheckpoints: CheckpointStore["listCheckpoints"] = (_run, ledger) =>
    Promise.resolve(ledger === "resources" ? [...rows] : []);
  return { listCheckpoints } as Partial<CheckpointStore> as CheckpointStore;
}

function preflight(byKind: Record<string, number>): StageRecord[] {
  const counters = { batches: 0, openBatches: 0, total: 0, counts: {} };
  const traits = { runId: "r", track: "forward", state: "done", planned: true, startedAt: 0 } as const;
  return [{ ...traits, ...counters, stage: "preflight", notes: { byKind } }];
}

describe("progress by kind", () => {
  test("counts what is settled, what waits for somebody, and what came since", async () => {
    const rows = [
      row("a", "Tier", "applied"),
      row("b", "Tier", "verified"),
      row("c", "IPPool", "pending"),
      row("d", "IPPool", "conflict"),
      row("e", "IPPool", "failed"),
      row("f", "IPPool", "reverted", { gone: true }),
      row("g", "IPPool", "reverted", { resolved: "skip" }),
    ];
    const progress = await kindProgress(storeOf(rows), "r", preflight({ Tier: 1, IPPool: 4, BGPPeer: 0 }));

    assert.deepEqual(progress, [
      { kind: "Tier", done: 2, total: 2, conflicts: 0, failed: 0 },
      { kind: "IPPool", done: 1, total: 4, conflicts: 1, failed: 1 },
      { kind: "BGPPeer", done: 0, total: 0, conflicts: 0, failed: 0 },
    ]);
    assert.equal(progressText(progress), "2 / 3 kinds");
  });

  test("has nothing done before anything has begun, and is not shown before anything was counted", async () => {
    const counted = await kindProgress(storeOf([]), "r", preflight({ Tier: 3, BGPPeer: 0 }));
    assert.equal(progressText(counted), "0 / 2 kinds");
    assert.equal(progressText(await kindProgress(storeOf([]), "r", [])), undefined);
  });
});
