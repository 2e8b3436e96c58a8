import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NATIVE_KINDS } from "../shared/calico/native/native-kinds.ts";
import { objectsAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups } from "./rig/native/dump.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

describe("a migration to native CRDs", () => {
  let bed: NativeBed;
  let rig: TestEngine;
  const folder = temporaryFolder("native-migration");

  before(async () => {
    bed = await startNativeBed({ resources: 300, nodes: 2 });
    rig = openEngine(join(folder, "store.db"), { kubeconfig: bed.kubernetes.kubeconfig });
  });
  after(async () => {
    rig.close();
    await bed.stop();
    removeFolder(folder);
  });

  test("aborted right before the unlock leaves no trace", async () => {
    const before = await dumpGroups(bed.api);
    const runId = await startNativeRun(rig, { crds: bed.manifestFile }, { stopBefore: "unlock" });
    const waiting = await rig.drive(runId);
    assert.equal(waiting.waiting?.subject, "unlock", JSON.stringify(waiting));
    await rig.engine.undo(runId, "abort");
    const run = await rig.drive(runId);
    assert.equal(run.state, "Aborted", JSON.stringify(run));
    const now = await dumpGroups(bed.api);
    assert.deepEqual(before.old.changesUntil(now.old), []);
    assert.deepEqual(before.native.changesUntil(now.native), []);
  });

  test("moves every object and cleans up", async () => {
    const runId = await startNativeRun(rig, { crds: bed.manifestFile });
    const run = await rig.drive(runId);
    assert.equal(run.state, "Succeeded", JSON.stringify(run));
    for (const { kind, plural } of NATIVE_KINDS) {
      const list = await mustRequest(bed.api, "GET", `/apis/projectcalico.org/v3/${plural}`);
      assert.equal(objectsAt(list, "items").length, bed.expected.get(kind) ?? 0, kind);
    }
    assert.equal((await bed.api.request("GET", "/apis/crd.projectcalico.org/v1")).status, 404);
  });
});
