import assert from "node:assert/strict";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { resource, resourceKey } from "../shared/calico/testing/samples.ts";
import { readLock } from "../shared/calico/lock.ts";
import type { RunRecord } from "../shared/engine/records.ts";
import { isJsonObject, type JsonObject } from "../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { CLUSTER_INFORMATION_KEY } from "../shared/migrations/etcd-to-kubernetes/source-lock.ts";
import { calicoNode } from "./crash/calico-node.ts";
import { mustRequest } from "./harness/api.ts";
import { dumpKubernetes } from "./harness/dump.ts";
import { withEtcdClient } from "./harness/etcd-kv.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { openEngine, startRun, type TestEngine } from "./rig/runs.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const MERGE = "application/merge-patch+json";

/** A policy of whoever runs the cluster, about sets that say so. */
const POLICY = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: "no-forbidden-sets" },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: ["crd.projectcalico.org"],
          apiVersions: ["v1"],
          operations: ["CREATE"],
          resources: ["globalnetworksets"],
        },
      ],
    },
    validations: [{ expression: "object.metadata.name != 'forbidden'", message: "it is forbidden here" }],
  },
};
const BINDING = {
  apiVersion: POLICY.apiVersion,
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: "no-forbidden-sets" },
  spec: { policyName: "no-forbidden-sets", validationActions: ["Deny"] },
};

describe("preflight on a real API server", () => {
  let sides: Sides;
  let folder: string;
  let rig: TestEngine;

  before(async () => {
    sides = await startSides({ resources: 60, nodes: 2 });
    folder = temporaryFolder("preflight");
    rig = openEngine(join(folder, "store.db"), {
      etcdEndpoint: sides.etcd.endpoint,
      kubeconfig: sides.kubernetes.kubeconfig,
    });
    const { api } = sides.kubernetes;
    await mustRequest(api, "POST", `${ADMISSION}/validatingadmissionpolicies`, POLICY);
    await mustRequest(api, "POST", `${ADMISSION}/validatingadmissionpolicybindings`, BINDING);
    await withFields("bgppeers", { asNumber: { type: "integer", format: "int32" } });
    await withFields("globalnetworksets", {
      nets: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string", format: "cidr" } },
    });
    await withFields(
      "hostendpoints",
      {},
      { "x-kubernetes-validations": [{ rule: "has(self.node)", message: "node must be specified" }] },
    );
    await waitUntil({ what: "the policy is in force", timeoutMs: 60_000 }, async () => {
      const { status } = await api.request(
        "POST",
        "/apis/crd.projectcalico.org/v1/globalnetworksets?dryRun=All",
        { ...resource("GlobalNetworkSet", "forbidden", {}), apiVersion: "crd.projectcalico.org/v1" },
      );
      return status >= 400;
    });
  });
  after(async () => {
    rig.close();
    await sides.stop();
    removeFolder(folder);
  });

  /** As whoever lets workloads of kube-system be changed by a pipeline only; returns when it is in force. */
  async function protectKubeSystem(): Promise<void> {
    const { api } = sides.kubernetes;
    const resourceRules = [
      { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["daemonsets"] },
    ];
    const name = "protect-kube-system";
    const condition = "request.namespace == 'kube-system' && object.spec != oldObject.spec";
    await mustRequest(api, "POST", `${ADMISSION}/validatingadmissionpolicies`, {
      ...POLICY,
      metadata: { name },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: { resourceRules },
        matchConditions: [{ name, expression: condition }],
        validations: [{ expression: "false", message: "workloads of kube-system are not changed by hand" }],
      },
    });
    await mustRequest(api, "POST", `${ADMISSION}/validatingadmissionpolicybindings`, {
      ...BINDING,
      metadata: { name },
      spec: { policyName: name, validationActions: ["Deny"] },
    });
    const path = "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node?dryRun=All";
    await waitUntil({ what: "the policy is in force", timeoutMs: 60_000 }, async () => {
      const { status } = await api.request("PATCH", path, { spec: { minReadySeconds: 7 } }, MERGE);
      return status >= 400;
    });
  }

  /** Changes the schema of a kind's spec, as newer CRDs of Calico have it. */
  async function withFields(plural: string, properties: JsonObject, more: JsonObject = {}): Promise<void> {
    const path = `${CRDS}/${plural}.crd.projectcalico.org`;
    const crd = await mustRequest(sides.kubernetes.api, "GET", path);
    const versions = objectsAt(crd, "spec", "versions").map((version) => {
      const schema = objectAt(version, "schema", "openAPIV3Schema");
      const spec = objectAt(schema, "properties", "spec");
      const changed = { ...spec, ...more, properties: { ...objectAt(spec, "properties"), ...properties } };
      const openAPIV3Schema = { ...schema, properties: { ...objectAt(schema, "properties"), spec: changed } };
      return { ...version, schema: { openAPIV3Schema } };
    });
    await mustRequest(sides.kubernetes.api, "PATCH", path, { spec: { versions } }, { contentType: MERGE });
  }

  async function put(entries: Readonly<Record<string, JsonObject | null>>): Promise<void> {
    await withEtcdClient(sides.etcd, async (client) => {
      for (const [key, value] of Object.entries(entries))
        await (value === null ? client.delete().key(key) : client.put(key).value(JSON.stringify(value)));
    });
  }

  async function preflight(): Promise<{ run: RunRecord; checks: Map<string, JsonObject>; runId: string }> {
    const runId = await startRun(rig, {}, [], "backup");
    const run = await rig.drive(runId);
    const { stages } = await rig.engine.describe(runId);
    const checks = (stages[0]?.notes["checks"] as JsonObject[]).filter(isJsonObject);
    return { run, runId, checks: new Map(checks.map((check) => [textAt(check, "id"), check])) };
  }

  const FAULTY: Readonly<Record<string, JsonObject>> = {
    [resourceKey("bgppeers", "wide-as")]: resource("BGPPeer", "wide-as", {
      peerIP: "192.0.2.254",
      asNumber: 4_200_000_002,
    }),
    [resourceKey("globalnetworksets", "forbidden")]: resource("GlobalNetworkSet", "forbidden", {}),
    [resourceKey("hostendpoints", "nowhere")]: resource("HostEndpoint", "nowhere", { interfaceName: "eth0" }),
  };

  test("names everything that the server refuses, of every kind, before anything is written", async () => {
    await put(FAULTY);
    const before = await dumpKubernetes(sides.kubernetes.api);
    const { run, checks } = await preflight();

    assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
    const items = JSON.stringify([checks.get("schema-accepts"), checks.get("server-accepts")]);
    assert.match(items, /bgppeers\/wide-as \(.*int32/);
    assert.match(items, /globalnetworksets\/forbidden \(.*no-forbidden-sets.*it is forbidden here/);
    assert.match(items, /hostendpoints\/nowhere \(.*node must be specified/);
    assert.deepEqual(before.changesUntil(await dumpKubernetes(sides.kubernetes.api)), []);
    await put(Object.fromEntries(Object.keys(FAULTY).map((key) => [key, null])));
  });

  test("respells what means the same, and the server then takes it", async () => {
    const key = resourceKey("globalnetworksets", "cdn");
    const nets = ["192.0.2.1", "198.51.100.0/24", "198.51.100.0/24"];
    await put({ [key]: resource("GlobalNetworkSet", "cdn", { nets }) });
    const { run, checks } = await preflight();

    assert.deepEqual([run.failure, run.waiting?.subject], [undefined, "backup"]);
    assert.match(JSON.stringify(checks.get("spelling")), /globalnetworksets\/cdn/);
    await put({ [key]: null });
  });

  test("a write of the lock that a policy denies stops the run before anything is locked", async () => {
    const { api } = sides.kubernetes;
    await mustRequest(api, "POST", "/apis/apps/v1/namespaces/kube-system/daemonsets", calicoNode("etcdv3"));
    const manifest = join(folder, "switch.json");
    writeFileSync(manifest, JSON.stringify(calicoNode("kubernetes")));
    const runId = await startRun(rig, { manifest }, ["uncarried"], "lock");
    const waiting = await rig.drive(runId);
    assert.deepEqual([waiting.failure, waiting.waiting?.subject], [undefined, "lock"]);
    await protectKubeSystem();
    await rig.engine.approve(runId, "test", "lock");
    const run = await rig.drive(runId);

    assert.equal(run.failure?.code, "REHEARSAL_FAILED", JSON.stringify(run.waiting));
    assert.match(run.failure.message, /apply DaemonSet calico-node in kube-system: .*protect-kube-system/);
    const information = await withEtcdClient(sides.etcd, (client) =>
      client.get(CLUSTER_INFORMATION_KEY).string(),
    );
    assert.notEqual(readLock(information ?? "").ready, false);
    await rig.engine.undo(runId, "rollback");
    assert.equal((await rig.drive(runId)).state, "RolledBack");

    const again = await rig.drive(await startRun(rig, { manifest }, [], "backup"));
    assert.equal(again.failure?.code, "PREFLIGHT_FAILED");
    assert.match(again.failure.message, /lock-rehearsal: .*protect-kube-system/);
    await mustRequest(api, "DELETE", `${ADMISSION}/validatingadmissionpolicybindings/protect-kube-system`);
    await mustRequest(api, "DELETE", `${ADMISSION}/validatingadmissionpolicies/protect-kube-system`);
    await mustRequest(api, "DELETE", "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node");
  });

  test("what came with the manifest is tried before the copy, and goes on when it is mended", async () => {
    const { api } = sides.kubernetes;
    const path = `${CRDS}/hostendpoints.crd.projectcalico.org`;
    const { metadata: _metadata, status: _status, ...crd } = await mustRequest(api, "GET", path);
    await mustRequest(api, "DELETE", path);
    await waitUntil({ what: "the CRD is gone", timeoutMs: 60_000 }, async () => {
      const { status } = await api.request("GET", path);
      return status === 404;
    });
    const manifest = join(folder, "calico.json");
    const named = { ...crd, metadata: { name: "hostendpoints.crd.projectcalico.org" } };
    writeFileSync(
      manifest,
      [named, calicoNode("kubernetes")].map((one) => JSON.stringify(one)).join("\n---\n"),
    );
    const faulty = Object.fromEntries(
      ["a", "b"].map((name) => [
        resourceKey("hostendpoints", name),
        resource("HostEndpoint", name, { interfaceName: "eth0" }),
      ]),
    );
    await put(faulty);
    const runId = await startRun(rig, { manifest }, [], "pre-copy");
    const refused = await rig.drive(runId);

    assert.deepEqual(
      [refused.failure?.code, refused.stage],
      ["COPY_REFUSED", "try-copy"],
      refused.failure?.message,
    );
    assert.match(refused.failure?.message ?? "", /hostendpoints\/a .*hostendpoints\/b /);
    await put(Object.fromEntries(Object.keys(faulty).map((key) => [key, null])));
    await rig.engine.resume(runId);
    const run = await rig.drive(runId);
    assert.deepEqual([run.failure, run.waiting?.subject], [undefined, "pre-copy"]);
  });
});
