import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Snapshot } from "./harness/snapshot.ts";
import type { NativeBed } from "./rig/native/bed.ts";
import { MigratingBed } from "./rig/native/migrating.ts";
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

/** Of the pauses between two acts of a rival. */
const GROWTH = 1.5;
const LOCK = /clusterinformations\/default$/;

describe("a migration to native CRDs against others who put things back", () => {
  let migrating: MigratingBed;
  let bed: NativeBed;
  let calm: Snapshot;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 120, nodes: 1 });
    ({ bed } = migrating);
    const untouched = await clusterState(bed.api);
    const runId = await start();
    calm = await migrated(runId);
    await migrating.undo(runId, "rollback");
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });
  after(() => migrating.stop());

  const start = () => migrating.startRun({ approvals: ["unlock"] });

  /** Drives a run to where only the cleanup is left, and reads the native group. */
  async function migrated(runId: string): Promise<Snapshot> {
    await migrating.reaches(runId, "cleanup");
    return withoutOwnerUids((await dumpGroups(bed.api)).native);
  }

  async function assertAsCalm(runId: string): Promise<void> {
    const changes = calm.changesUntil(await migrated(runId));
    assert.deepEqual(
      changes.filter(({ id }) => !LOCK.test(id)),
      [],
    );
    await migrating.assertMoved();
  }

  test("the CRDs are put back again and again until the lock, and once inside it", async () => {
    const versions = await oldVersions(bed.api);
    const runId = await start();
    const driving = migrating.rig.drive(runId);
    driving.catch(() => undefined);
    await untilBegun(migrating.rig, runId, "pre-copy");
    const rival = startRival(2000, () => putCrdsBack(bed.api), GROWTH);
    await untilBegun(migrating.rig, runId, "catch-up");
    await rival.stop();
    await putCrdsBack(bed.api);
    await driving;
    assert.ok(rival.undone > 0);
    await assertAsCalm(runId);
    assert.deepEqual(versions.changesUntil(await oldVersions(bed.api)), []);
    await migrating.undo(runId, "rollback");
    assert.deepEqual(versions.changesUntil(await oldVersions(bed.api)), []);
  });

  test("the APIService is created anew again and again from its removal to the unlock", async () => {
    const versions = await oldVersions(bed.api);
    const saved = await presentApiService(bed.api);
    const runId = await start();
    const driving = migrating.rig.drive(runId);
    driving.catch(() => undefined);
    let rival: Rival | undefined;
    try {
      await untilBegun(migrating.rig, runId, "copy-locked");
      rival = startRival(3000, () => recreateApiService(bed.api, saved), GROWTH);
      await untilBegun(migrating.rig, runId, "switch-operator");
    } finally {
      await rival?.stop();
    }
    await driving;
    assert.ok(rival.undone > 0);
    await assertAsCalm(runId);
    assert.deepEqual(versions.changesUntil(await oldVersions(bed.api)), []);
    assert.equal((await stageOf(migrating.rig, runId, "unlock"))?.state, "done");
  });
});
