import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dumpKubernetes } from "./harness/dump.ts";
import type { NativeBed } from "./rig/native/bed.ts";
import { MigratingBed } from "./rig/native/migrating.ts";
import { untilBegun } from "./rig/native/stages.ts";
import { clusterState, differences } from "./rig/native/state.ts";

/** How long the API server stays away. */
const DOWN_MS = 2000;
/** It goes away for the next time only when the run goes on again. */
const FORWARD = ["pre-copy", "lock", "remove-apiservice", "verify-changes"];
const BACK = ["delete-copies-early", "restore-apiservice", "put-owners-back", "delete-copies"];
const TO_THE_END = ["verify-copy", "catch-up", "restore-owners", "rollout", "verify-all", "cleanup"];

describe("a migration to native CRDs while the API server goes away and comes back", () => {
  let migrating: MigratingBed;
  let bed: NativeBed;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 120, nodes: 1 });
    ({ bed } = migrating);
  });
  after(() => migrating.stop());

  /** Drives a run, and kills the API server in each of these stages. */
  async function disturbed(
    runId: string,
    stages: readonly string[],
    track: "forward" | "rollback" = "forward",
  ): Promise<string> {
    const driving = migrating.rig.drive(runId);
    driving.catch(() => undefined);
    for (const stage of stages) {
      await untilBegun(migrating.rig, runId, stage, track);
      bed.kubernetes.kill();
      await sleep(DOWN_MS);
      await bed.kubernetes.restart();
    }
    const { state, stage, failure, waiting } = await driving;
    assert.equal(failure, undefined, JSON.stringify([stage, failure]));
    return waiting?.subject ?? state;
  }

  test("an abort ends as if nothing had happened", async () => {
    const untouched = await clusterState(bed.api);
    const runId = await migrating.startRun({ approvals: ["unlock"], stopBefore: "switch" });
    assert.equal(await disturbed(runId, FORWARD), "switch");
    await migrating.rig.engine.undo(runId, "abort");
    assert.equal(await disturbed(runId, BACK, "rollback"), "Aborted");
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });

  test("a run to the end moves every object once", async () => {
    const dependants = await dumpKubernetes(bed.api, { paths: ["/api/v1/configmaps"] });
    const runId = await migrating.startRun();
    assert.equal(await disturbed(runId, TO_THE_END), "Succeeded");
    await migrating.assertMoved();
    const now = await dumpKubernetes(bed.api, { paths: ["/api/v1/configmaps"] });
    assert.deepEqual([...now.entries.keys()], [...dependants.entries.keys()]);
    assert.equal((await bed.api.request("GET", "/apis/crd.projectcalico.org/v1")).status, 404);
  });
});
