import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { MigratingBed } from "./rig/native/migrating.ts";
import { dumpGroups } from "./rig/native/dump.ts";

/** Of an install that was upgraded without its CRDs. */
const ABSENT = "stagedkubernetesnetworkpolicies";

describe("a migration to native CRDs of an old group that lacks a kind", () => {
  let migrating: MigratingBed;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 300, nodes: 2 });
    await migrating.bed.kubernetes.kubectl(["delete", "crd", `${ABSENT}.crd.projectcalico.org`]);
  });
  after(() => migrating.stop());

  test("aborted right before the unlock leaves no trace", async () => {
    const { bed } = migrating;
    const before = await dumpGroups(bed.api);
    const runId = await migrating.startRun({ options: {}, stopBefore: "unlock" });
    await migrating.reaches(runId, "unlock");
    await migrating.undo(runId, "abort");
    const now = await dumpGroups(bed.api);
    assert.deepEqual(before.old.changesUntil(now.old), []);
    assert.deepEqual(before.native.changesUntil(now.native), []);
  });

  test("moves every object and cleans up", async () => {
    await migrating.reaches(await migrating.startRun({ options: {} }), "Succeeded");
    const absent = migrating.bed.expected.get("StagedKubernetesNetworkPolicy") ?? 0;
    assert.ok(absent > 0);
    await migrating.assertMoved((plural) => (plural === ABSENT ? -absent : 0));
    assert.equal((await migrating.bed.api.request("GET", "/apis/crd.projectcalico.org/v1")).status, 404);
  });
});

describe("a migration to native CRDs that may send few requests at a time", () => {
  let bed: NativeBed;

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1 });
  });
  after(() => bed.stop());

  test("two: it looks at all kinds at once all the same, and comes to the unlock and back", async (t) => {
    const migrating = MigratingBed.on(bed, { concurrency: 2 });
    t.after(() => migrating.stop());
    const runId = await migrating.startRun({ stopBefore: "unlock" });
    await migrating.reaches(runId, "unlock");
    await migrating.undo(runId, "abort");
  });

  test("one: it moves every object", async (t) => {
    const migrating = MigratingBed.on(bed, { concurrency: 1 });
    t.after(() => migrating.stop());
    await migrating.reaches(await migrating.startRun(), "Succeeded");
    await migrating.assertMoved();
  });
});
