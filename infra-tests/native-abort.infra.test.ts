import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "../shared/json.ts";
import { bear, death } from "./crash/lives.ts";
import { waitUntil } from "./harness/wait.ts";
import { dependantsManagers } from "./rig/native/dependants.ts";
import { MigratingBed } from "./rig/native/migrating.ts";
import { installGitOps } from "./rig/native/gitops.ts";
import { stageOf } from "./rig/native/stages.ts";
import { clusterState, type ClusterState, differences } from "./rig/native/state.ts";

/** Where a run stops by itself, with what has happened to the cluster by then. */
const POINTS = [
  { stopBefore: "backup", what: "once GitOps tools are paused" },
  { stopBefore: "catch-up", what: "in the lock" },
  { stopBefore: "copy-locked", what: "once the APIService is removed" },
  { stopBefore: "switch", what: "right before the unlock" },
] as const;

describe("a migration to native CRDs that is undone leaves everything as it was", () => {
  let migrating: MigratingBed;
  let untouched: ClusterState;
  let setBy: Record<string, JsonObject[]>;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 120, nodes: 1 });
    await installGitOps(migrating.bed.api);
    untouched = await clusterState(migrating.bed.api);
    setBy = await dependantsManagers(migrating.bed.api);
  });
  after(() => migrating.stop());

  const state = () => clusterState(migrating.bed.api);

  async function undone(runId: string, kind: "abort" | "rollback"): Promise<void> {
    await migrating.undo(runId, kind);
    // The API server takes a moment for what follows from definitions that are gone.
    let left: string[] = [];
    await waitUntil({ what: "nothing is left", timeoutMs: 60_000, intervalMs: 500 }, async () => {
      left = differences(untouched, await state());
      return left.length === 0;
    }).catch(() => undefined);
    assert.deepEqual(left, []);
    assert.deepEqual(await dependantsManagers(migrating.bed.api), setBy);
  }

  async function changedBy(runId: string, subject: string): Promise<void> {
    await migrating.reaches(runId, subject);
    assert.notDeepEqual(differences(untouched, await state()), []);
  }

  for (const { stopBefore, what } of POINTS) {
    test(what, async () => {
      const runId = await migrating.startRun({ approvals: ["unlock"], stopBefore });
      await changedBy(runId, stopBefore);
      await undone(runId, "abort");
    });
  }

  test("in the middle of the copy", async () => {
    const runId = await migrating.startRun({
      options: { quietMs: 100, batchSize: 5 },
      approvals: ["unlock"],
    });
    const life = migrating.lifeOf(runId);
    const preCopy = () => stageOf(migrating.rig, runId, "pre-copy");
    while ((await preCopy()) === undefined) assert.ok(await death(bear({ ...life, boundaries: "stage" })));
    for (let boundaries = 60; !(await preCopy())?.counts["applied"]; boundaries += 20)
      assert.ok(await death(bear({ ...life, boundaries })));
    const copied = (await preCopy())?.counts["applied"] ?? 0;
    assert.ok(copied < 119, `${copied} objects`);
    await undone(runId, "abort");
  });

  test("once the native group is in use", async () => {
    const runId = await migrating.startRun({ approvals: ["unlock"] });
    await changedBy(runId, "cleanup");
    await assert.rejects(migrating.rig.engine.undo(runId, "abort"), { code: "ABORT_TOO_LATE" });
    await undone(runId, "rollback");
  });
});
