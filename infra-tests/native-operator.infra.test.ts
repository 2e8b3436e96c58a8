import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { objectsAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import type { NativeBed } from "./rig/native/bed.ts";
import { MigratingBed } from "./rig/native/migrating.ts";
import { installOperator } from "./rig/native/operator/install.ts";
import { type Operator, startOperator } from "./rig/native/operator/operator.ts";
import { clusterState, differences } from "./rig/native/state.ts";

const WEBHOOKS =
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/api.projectcalico.org";
const API_SERVERS = "/apis/apps/v1/namespaces/calico-apiserver/deployments";

describe("a migration to native CRDs where an operator installs Calico", () => {
  let migrating: MigratingBed;
  let bed: NativeBed;
  let operator: Operator;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 120, nodes: 1, namespace: "calico-system" });
    ({ bed } = migrating);
    await installOperator(bed.api);
    operator = await startOperator(bed.api);
  });
  after(async () => {
    await operator.stop();
    await migrating.stop();
  });

  test("aborted inside the lock leaves everything as it was, and the operator at work", async () => {
    const untouched = await clusterState(bed.api);
    const runId = await migrating.startRun({ approvals: ["unlock"], stopBefore: "unlock" });
    await migrating.reaches(runId, "unlock");
    assert.equal(operator.corrected, 0);
    await migrating.undo(runId, "abort");
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });

  test("switches by the operator, is taken back after that, and then goes to its end", async () => {
    const untouched = await clusterState(bed.api);
    const first = await migrating.startRun({ approvals: ["unlock"] });
    await migrating.reaches(first, "cleanup");
    assert.ok(operator.corrected > 0);
    assert.deepEqual(objectsAt(await mustRequest(bed.api, "GET", API_SERVERS), "items"), []);
    assert.equal((await bed.api.request("GET", WEBHOOKS)).status, 200);
    await migrating.undo(first, "rollback");
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
    assert.equal((await bed.api.request("GET", WEBHOOKS)).status, 404);
    await migrating.reaches(await migrating.startRun(), "Succeeded");
    await migrating.assertMoved();
  });
});
