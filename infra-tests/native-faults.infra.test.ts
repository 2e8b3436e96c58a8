import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { NATIVE_KINDS } from "../shared/calico/native/native-kinds.ts";
import { objectsAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { dumpKubernetes } from "./harness/dump.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { untilBegun } from "./rig/native/stages.ts";
import { clusterState, differences } from "./rig/native/state.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

/** How long the API server stays away. */
const DOWN_MS = 2000;
/** It goes away for the next time only when the run goes on again. */
const FORWARD = ["pre-copy", "lock", "remove-apiservice", "verify-changes"];
const BACK = ["delete-copies-early", "restore-apiservice", "put-owners-back", "delete-copies"];
const TO_THE_END = ["verify-copy", "catch-up", "restore-owners", "rollout", "verify-all", "cleanup"];

describe("a migration to native CRDs while the API server goes away and comes back", () => {
  let bed: NativeBed;
  let rig: TestEngine;
  const folder = temporaryFolder("native-faults");

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1 });
    rig = openEngine(join(folder, "store.db"), { kubeconfig: bed.kubernetes.kubeconfig });
  });
  after(async () => {
    rig.close();
    await bed.stop();
    removeFolder(folder);
  });

  const start = (request: { approvals: readonly string[]; stopBefore?: string }) =>
    startNativeRun(rig, { crds: bed.manifestFile, quietMs: 100, batchSize: 20 }, request);

  /** Drives a run, and kills the API server in each of these stages. */
  async function disturbed(
    runId: string,
    stages: readonly string[],
    track: "forward" | "rollback" = "forward",
  ): Promise<string> {
    const driving = rig.drive(runId);
    driving.catch(() => undefined);
    for (const stage of stages) {
      await untilBegun(rig, runId, stage, track);
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
    const runId = await start({ approvals: ["unlock"], stopBefore: "switch" });
    assert.equal(await disturbed(runId, FORWARD), "switch");
    await rig.engine.undo(runId, "abort");
    assert.equal(await disturbed(runId, BACK, "rollback"), "Aborted");
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });

  test("a run to the end moves every object once", async () => {
    const dependants = await dumpKubernetes(bed.api, { paths: ["/api/v1/configmaps"] });
    const runId = await start({ approvals: ["unlock", "cleanup"] });
    assert.equal(await disturbed(runId, TO_THE_END), "Succeeded");
    for (const { kind, plural } of NATIVE_KINDS) {
      // An API server that has come back answers 429 until its cache of a resource is full.
      const list = await waitUntil({ what: `${plural} can be listed`, timeoutMs: 30_000 }, () =>
        mustRequest(bed.api, "GET", `/apis/projectcalico.org/v3/${plural}`),
      );
      assert.equal(objectsAt(list, "items").length, bed.expected.get(kind) ?? 0, kind);
    }
    const now = await dumpKubernetes(bed.api, { paths: ["/api/v1/configmaps"] });
    assert.deepEqual([...now.entries.keys()], [...dependants.entries.keys()]);
    assert.equal((await bed.api.request("GET", "/apis/crd.projectcalico.org/v1")).status, 404);
  });
});
