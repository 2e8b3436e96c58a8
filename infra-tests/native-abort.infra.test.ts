import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { installGitOps } from "./rig/native/gitops.ts";
import { stageOf } from "./rig/native/stages.ts";
import { clusterState, type ClusterState, differences } from "./rig/native/state.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

/** Where a run stops by itself, with what has happened to the cluster by then. */
const POINTS = [
  { stopBefore: "backup", what: "once GitOps tools are paused" },
  { stopBefore: "catch-up", what: "in the lock" },
  { stopBefore: "copy-locked", what: "once the APIService is removed" },
  { stopBefore: "switch", what: "right before the unlock" },
] as const;

describe("a migration to native CRDs that is undone leaves everything as it was", () => {
  let bed: NativeBed;
  let rig: TestEngine;
  let untouched: ClusterState;
  const folder = temporaryFolder("native-abort");

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1 });
    await installGitOps(bed.api);
    rig = openEngine(join(folder, "store.db"), { kubeconfig: bed.kubernetes.kubeconfig });
    untouched = await clusterState(bed.api);
  });
  after(async () => {
    rig.close();
    await bed.stop();
    removeFolder(folder);
  });

  async function start(stopBefore?: string): Promise<string> {
    const options = { crds: bed.manifestFile, quietMs: 100, batchSize: 20 };
    return startNativeRun(rig, options, {
      approvals: ["unlock"],
      ...(stopBefore === undefined ? {} : { stopBefore }),
    });
  }

  async function undone(runId: string, kind: "abort" | "rollback", state: string): Promise<void> {
    await rig.engine.undo(runId, kind);
    const run = await rig.drive(runId);
    assert.equal(run.state, state, JSON.stringify([run.stage, run.failure, run.waiting]));
    // The API server takes a moment for what follows from definitions that are gone.
    let left: string[] = [];
    await waitUntil({ what: "nothing is left", timeoutMs: 10_000, intervalMs: 500 }, async () => {
      left = differences(untouched, await clusterState(bed.api));
      return left.length === 0;
    }).catch(() => undefined);
    assert.deepEqual(left, []);
  }

  async function changedBy(runId: string, subject: string): Promise<void> {
    const { waiting, failure, stage } = await rig.drive(runId);
    assert.equal(waiting?.subject, subject, JSON.stringify([stage, failure]));
    assert.notDeepEqual(differences(untouched, await clusterState(bed.api)), []);
  }

  for (const { stopBefore, what } of POINTS) {
    test(what, async () => {
      const runId = await start(stopBefore);
      await changedBy(runId, stopBefore);
      await undone(runId, "abort", "Aborted");
    });
  }

  test("in the middle of the copy", async () => {
    const runId = await start();
    let isEnough = false;
    const driving = rig.drive(runId, () => isEnough);
    await waitUntil({ what: "some objects are copied", timeoutMs: 60_000, intervalMs: 10 }, async () => {
      isEnough = ((await stageOf(rig, runId, "pre-copy"))?.counts["applied"] ?? 0) > 0;
      return isEnough;
    });
    await driving;
    const copied = (await stageOf(rig, runId, "pre-copy"))?.counts["applied"] ?? 0;
    assert.ok(copied < 119, `${copied} objects`);
    await undone(runId, "abort", "Aborted");
  });

  test("once the native group is in use", async () => {
    const runId = await start();
    await changedBy(runId, "cleanup");
    await assert.rejects(rig.engine.undo(runId, "abort"), { code: "ABORT_TOO_LATE" });
    await undone(runId, "rollback", "RolledBack");
  });
});
