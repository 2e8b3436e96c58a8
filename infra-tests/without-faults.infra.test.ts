import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { objectAt } from "../shared/kubernetes/fields.ts";
import type { JsonObject } from "../shared/json.ts";
import { calicoNode, writeManifest } from "./crash/calico-node.ts";
import { policyKey, writePolicies } from "./crash/etcd-writes.ts";
import { expectedCounts, foundCounts } from "./crash/expected.ts";
import { mustRequest } from "./harness/api.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { waitForReadyNodes } from "./harness/nodes.ts";
import type { Snapshot } from "./harness/snapshot.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { openEngine, startRun, type TestEngine } from "./rig/runs.ts";

const DAEMON_SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets";
const POLICIES = "/apis/crd.projectcalico.org/v1/namespaces/default/networkpolicies";
const STARTING = { resources: 200, nodes: 4 };

function ids(before: Snapshot, now: Snapshot): string[] {
  return before.changesUntil(now).map(({ id }) => id);
}

async function drive(rig: TestEngine, runId: string, state: string): Promise<void> {
  const run = await rig.drive(runId);
  assert.equal(run.state, state, JSON.stringify([run.stage, run.failure, run.waiting]));
}

describe("a migration with a manifest, on nodes that run pods", () => {
  let sides: Sides;
  let folder: string;
  let rig: TestEngine;
  let etcdBefore: Snapshot;
  let calicoBefore: Snapshot;

  before(async () => {
    sides = await startSides(STARTING, { controllers: true });
    folder = temporaryFolder("migration");
    const { api, kubeconfig } = sides.kubernetes;
    await waitForReadyNodes(api, sides.seed.kubernetesNodes.length);
    await mustRequest(api, "POST", DAEMON_SETS, calicoNode("etcdv3"));
    rig = openEngine(join(folder, "store.db"), { etcdEndpoint: sides.etcd.endpoint, kubeconfig });
    etcdBefore = await dumpEtcd(sides.etcd);
    calicoBefore = await dumpCalico();
  });
  after(async () => {
    rig.close();
    await sides.stop();
    removeFolder(folder);
  });

  const dumpCalico = (): Promise<Snapshot> =>
    dumpKubernetes(sides.kubernetes.api, { paths: ["/apis/crd.projectcalico.org/v1"] });

  /** With their managed fields. */
  async function nodes(): Promise<string> {
    return JSON.stringify(await mustRequest(sides.kubernetes.api, "GET", "/api/v1/nodes"));
  }

  async function daemonSet(): Promise<JsonObject> {
    return objectAt(await mustRequest(sides.kubernetes.api, "GET", `${DAEMON_SETS}/calico-node`), "spec");
  }

  test("moves every kind, switches, and a late rollback brings everything back with what came since", async () => {
    const { api } = sides.kubernetes;
    const specBefore = await daemonSet();
    const manifest = writeManifest(folder);
    const runId = await startRun(rig, { manifest, quietMs: 100 }, ["unlock"], "lock");
    await drive(rig, runId, "Waiting");
    assert.deepEqual(
      await foundCounts(api, "crd.projectcalico.org/v1"),
      expectedCounts(sides.seed, "crd.projectcalico.org/v1"),
    );

    await writePolicies(sides.etcd, { "default/a": {}, "default/b": {}, "default/c": {} });
    await writePolicies(sides.etcd, { "default/b": null });
    await writePolicies(sides.etcd, { "default/c": null });
    await writePolicies(sides.etcd, { "default/c": { order: 3 } });
    const etcdAtLock = await dumpEtcd(sides.etcd);
    await rig.engine.approve(runId, "test", "lock");
    await drive(rig, runId, "Succeeded");
    assert.equal((await api.request("GET", `${POLICIES}/b`)).status, 404);
    assert.equal(objectAt((await api.request("GET", `${POLICIES}/c`)).body, "spec")["order"], 3);
    assert.match(JSON.stringify(await daemonSet()), /"kubernetes"/);
    assert.doesNotMatch(await nodes(), /calico-migrator/);
    assert.match(await nodes(), /"manager":"calico-node"/);

    const change = JSON.stringify({ spec: { order: 7 } });
    const contentType = "application/merge-patch+json";
    await mustRequest(api, "PATCH", `${POLICIES}/a`, change, { contentType });
    await mustRequest(api, "DELETE", `${POLICIES}/c`);
    const created = {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "NetworkPolicy",
      metadata: { name: "d" },
    };
    await mustRequest(api, "POST", POLICIES, { ...created, spec: { order: 9, selector: "all()" } });
    await rig.engine.undo(runId, "rollback");
    await drive(rig, runId, "RolledBack");

    const etcdNow = await dumpEtcd(sides.etcd);
    assert.deepEqual(
      ids(etcdAtLock, etcdNow),
      ["a", "c", "d"].map((name) => policyKey(`default/${name}`)),
    );
    assert.match(etcdNow.entries.get(policyKey("default/a")) ?? "", /"order":7/);
    assert.match(etcdNow.entries.get(policyKey("default/d")) ?? "", /"order":9/);
    assert.deepEqual(ids(calicoBefore, await dumpCalico()), []);
    assert.deepEqual(await daemonSet(), specBefore);
    assert.doesNotMatch(await nodes(), /calico-migrator/);
    const config = await api.request("GET", "/api/v1/namespaces/kube-system/configmaps/calico-config");
    assert.equal(config.status, 404);
    await writePolicies(sides.etcd, { "default/a": null, "default/d": null });
    assert.deepEqual(ids(etcdBefore, await dumpEtcd(sides.etcd)), []);
  });

  test("waits at a conflict, goes on once it is gone, pauses and resumes, and a rollback leaves no trace", async () => {
    const { api } = sides.kubernetes;
    await writePolicies(sides.etcd, { "default/mine": {} });
    const etcdNow = await dumpEtcd(sides.etcd);
    const runId = await startRun(rig, { quietMs: 100 }, ["unlock", "switch"], "pre-copy");
    await drive(rig, runId, "Waiting");
    const theirs = {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "NetworkPolicy",
      metadata: { name: "mine" },
    };
    await mustRequest(api, "POST", POLICIES, { ...theirs, spec: { order: 1 } });
    await rig.engine.approve(runId, "test", "pre-copy");
    const { waiting } = await rig.drive(runId);
    assert.equal(waiting?.reason, "Conflict");
    assert.match(waiting.message, /networkpolicies\/default\/mine/);

    await mustRequest(api, "DELETE", `${POLICIES}/mine`);
    await rig.engine.resume(runId);
    await rig.engine.pause(runId);
    assert.equal((await rig.drive(runId)).waiting?.reason, "Paused");
    await rig.engine.resume(runId);
    await drive(rig, runId, "Succeeded");
    await rig.engine.undo(runId, "rollback");
    await drive(rig, runId, "RolledBack");

    assert.deepEqual(ids(etcdNow, await dumpEtcd(sides.etcd)), []);
    assert.deepEqual(ids(calicoBefore, await dumpCalico()), []);
  });
});

describe("a migration straight to projectcalico.org/v3", () => {
  test("moves every kind with the consents it asks for, and its rollback leaves no trace", async () => {
    const edges = [
      "user-profile",
      "other-orchestrator",
      "unmapped-node",
      "missing-node",
      "missing-namespace",
    ] as const;
    const sides = await startSides({ ...STARTING, edges }, { group: "projectcalico.org/v3" });
    const folder = temporaryFolder("migration");
    const { api, kubeconfig } = sides.kubernetes;
    const rig = openEngine(join(folder, "store.db"), { etcdEndpoint: sides.etcd.endpoint, kubeconfig });
    try {
      const [etcdBefore, kubernetesBefore] = [await dumpEtcd(sides.etcd), await dumpKubernetes(api)];
      const runId = await startRun(rig, { quietMs: 100, othersOnEtcd: "stop" }, ["unlock", "switch"]);
      for (const subject of ["unmapped-nodes", "uncarried"]) {
        assert.equal((await rig.drive(runId)).waiting?.subject, subject);
        await rig.engine.approve(runId, "test", subject);
      }
      await drive(rig, runId, "Succeeded");
      const expected = expectedCounts(sides.seed, "projectcalico.org/v3");
      const leftBehind = { networkpolicies: (expected["networkpolicies"] ?? 0) - 1 };
      assert.deepEqual(await foundCounts(api, "projectcalico.org/v3"), { ...expected, ...leftBehind });

      await rig.engine.undo(runId, "rollback");
      await drive(rig, runId, "RolledBack");
      assert.deepEqual(ids(etcdBefore, await dumpEtcd(sides.etcd)), []);
      assert.deepEqual(ids(kubernetesBefore, await dumpKubernetes(api)), []);
    } finally {
      rig.close();
      await sides.stop();
      removeFolder(folder);
    }
  });
});
