import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NATIVE_KINDS } from "../shared/calico/native/native-kinds.ts";
import { objectsAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import type { Snapshot } from "./harness/snapshot.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups, withoutOwnerUids } from "./rig/native/dump.ts";
import {
  presentApiService,
  putCrdsBack,
  recreateApiService,
  type Rival,
  startRival,
} from "./rig/native/rivals.ts";
import { stageOf, untilBegun } from "./rig/native/stages.ts";
import { clusterState, differences, oldVersions } from "./rig/native/state.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

const LOCK = /clusterinformations\/default$/;

describe("a migration to native CRDs against others who put things back", () => {
  let bed: NativeBed;
  let rig: TestEngine;
  let calm: Snapshot;
  const folder = temporaryFolder("native-rivals");

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1 });
    rig = openEngine(join(folder, "store.db"), { kubeconfig: bed.kubernetes.kubeconfig });
    const untouched = await clusterState(bed.api);
    const runId = await start();
    calm = await migrated(runId);
    await undone(runId);
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });
  after(async () => {
    rig.close();
    await bed.stop();
    removeFolder(folder);
  });

  const start = () =>
    startNativeRun(rig, { crds: bed.manifestFile, quietMs: 100, batchSize: 20 }, { approvals: ["unlock"] });

  /** Drives a run to where only the cleanup is left, and reads the native group. */
  async function migrated(runId: string): Promise<Snapshot> {
    const run = await rig.drive(runId);
    assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
    return withoutOwnerUids((await dumpGroups(bed.api)).native);
  }

  async function undone(runId: string): Promise<void> {
    await rig.engine.undo(runId, "rollback");
    const run = await rig.drive(runId);
    assert.equal(run.state, "RolledBack", JSON.stringify([run.stage, run.failure, run.waiting]));
  }

  async function assertAsCalm(runId: string): Promise<void> {
    const changes = calm.changesUntil(await migrated(runId));
    assert.deepEqual(
      changes.filter(({ id }) => !LOCK.test(id)),
      [],
    );
    for (const { kind, plural } of NATIVE_KINDS) {
      const list = await mustRequest(bed.api, "GET", `/apis/projectcalico.org/v3/${plural}`);
      assert.equal(objectsAt(list, "items").length, bed.expected.get(kind) ?? 0, kind);
    }
  }

  test("the CRDs are put back every two seconds until the lock, and once inside it", async () => {
    const versions = await oldVersions(bed.api);
    const runId = await start();
    const driving = rig.drive(runId);
    driving.catch(() => undefined);
    await untilBegun(rig, runId, "pre-copy");
    const rival = startRival(2000, () => putCrdsBack(bed.api));
    await untilBegun(rig, runId, "catch-up");
    await rival.stop();
    await putCrdsBack(bed.api);
    await driving;
    assert.ok(rival.undone > 0);
    await assertAsCalm(runId);
    assert.deepEqual(versions.changesUntil(await oldVersions(bed.api)), []);
    await undone(runId);
    assert.deepEqual(versions.changesUntil(await oldVersions(bed.api)), []);
  });

  test("the APIService is created anew every three seconds from its removal to the unlock", async () => {
    const versions = await oldVersions(bed.api);
    const saved = await presentApiService(bed.api);
    const runId = await start();
    const driving = rig.drive(runId);
    driving.catch(() => undefined);
    let rival: Rival | undefined;
    try {
      await untilBegun(rig, runId, "copy-locked");
      rival = startRival(3000, () => recreateApiService(bed.api, saved));
      await untilBegun(rig, runId, "switch-operator");
    } finally {
      await rival?.stop();
    }
    await driving;
    assert.ok(rival.undone > 0);
    await assertAsCalm(runId);
    assert.deepEqual(versions.changesUntil(await oldVersions(bed.api)), []);
    assert.equal((await stageOf(rig, runId, "unlock"))?.state, "done");
  });
});
