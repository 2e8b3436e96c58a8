import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NATIVE_KINDS } from "../shared/calico/native/native-kinds.ts";
import { objectsAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { installOperator } from "./rig/native/operator/install.ts";
import { type Operator, startOperator } from "./rig/native/operator/operator.ts";
import { clusterState, differences } from "./rig/native/state.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

const WEBHOOKS =
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/api.projectcalico.org";
const API_SERVERS = "/apis/apps/v1/namespaces/calico-apiserver/deployments";

describe("a migration to native CRDs where an operator installs Calico", () => {
  let bed: NativeBed;
  let rig: TestEngine;
  let operator: Operator;
  const folder = temporaryFolder("native-operator");

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1, namespace: "calico-system" });
    await installOperator(bed.api);
    operator = await startOperator(bed.api);
    rig = openEngine(join(folder, "store.db"), { kubeconfig: bed.kubernetes.kubeconfig });
  });
  after(async () => {
    rig.close();
    await operator.stop();
    await bed.stop();
    removeFolder(folder);
  });

  const start = (request: { approvals: readonly string[]; stopBefore?: string }) =>
    startNativeRun(rig, { crds: bed.manifestFile, quietMs: 100, batchSize: 20 }, request);

  async function reaches(runId: string, end: string): Promise<void> {
    const { state, stage, failure, waiting } = await rig.drive(runId);
    assert.equal(waiting?.subject ?? state, end, JSON.stringify([stage, failure, waiting]));
  }

  test("aborted inside the lock leaves everything as it was, and the operator at work", async () => {
    const untouched = await clusterState(bed.api);
    const runId = await start({ approvals: ["unlock"], stopBefore: "unlock" });
    await reaches(runId, "unlock");
    assert.equal(operator.corrected, 0);
    await rig.engine.undo(runId, "abort");
    await reaches(runId, "Aborted");
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });

  test("switches by the operator, is taken back after that, and then goes to its end", async () => {
    const untouched = await clusterState(bed.api);
    const first = await start({ approvals: ["unlock"] });
    await reaches(first, "cleanup");
    assert.ok(operator.corrected > 0);
    assert.deepEqual(objectsAt(await mustRequest(bed.api, "GET", API_SERVERS), "items"), []);
    assert.equal((await bed.api.request("GET", WEBHOOKS)).status, 200);
    await rig.engine.undo(first, "rollback");
    await reaches(first, "RolledBack");
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
    assert.equal((await bed.api.request("GET", WEBHOOKS)).status, 404);
    const second = await start({ approvals: ["unlock", "cleanup"] });
    await reaches(second, "Succeeded");
    for (const { kind, plural } of NATIVE_KINDS) {
      const list = await mustRequest(bed.api, "GET", `/apis/projectcalico.org/v3/${plural}`);
      assert.equal(objectsAt(list, "items").length, bed.expected.get(kind) ?? 0, kind);
    }
  });
});
