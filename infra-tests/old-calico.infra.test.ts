import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { rbacObjects, yamlOf } from "../cli/rbac.ts";
import { METADATA_ANNOTATION } from "../shared/calico/metadata.ts";
import { objectAt, textAt } from "../shared/kubernetes/fields.ts";
import type { JsonObject } from "../shared/json.ts";
import { calicoNode, writeManifest } from "./crash/calico-node.ts";
import { mustRequest } from "./harness/api.ts";
import { installCrds } from "./harness/crds.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { withEtcdClient } from "./harness/etcd-kv.ts";
import { type EtcdHandle, startEtcd } from "./harness/etcd.ts";
import { type KubernetesHandle, startKubernetes } from "./harness/kubernetes.ts";
import { createNodes, waitForReadyNodes } from "./harness/nodes.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { ACCOUNT, writeAccountKubeconfig } from "./rig/account.ts";
import { openEngine, startRun, type TestEngine } from "./rig/runs.ts";

// Calico of 3.24 from end to end and back: no tiers, no staged policies, no BGP filters; policies with a prefix, labels on objects.

const GROUP = "/apis/crd.projectcalico.org/v1";
const POLICIES = `${GROUP}/namespaces/default/networkpolicies`;
const DAEMON_SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets";
const RESOURCES = "/calico/resources/v3/projectcalico.org";
const VERSION = "v3.24.6";

function resource(kind: string, path: string, spec: JsonObject, labels: JsonObject = {}): JsonObject {
  const [name, namespace] = path.split("/").reverse();
  const uid = "0c9b4d0e-7a51-4c2f-9d4e-2b1a6f0e8c11";
  const creationTimestamp = "2024-05-06T07:08:09Z";
  const metadata = {
    name,
    uid,
    creationTimestamp,
    labels,
    ...(namespace === undefined ? {} : { namespace }),
  };
  return { kind, apiVersion: "projectcalico.org/v3", metadata, spec };
}

const info = { clusterGUID: "feed", clusterType: "k8s", calicoVersion: VERSION, datastoreReady: true };
const node = {
  bgp: { ipv4Address: "192.0.2.1/24" },
  orchRefs: [{ nodeName: "node-1", orchestrator: "k8s" }],
};
const SOURCE: Readonly<Record<string, JsonObject>> = {
  [`${RESOURCES}/clusterinformations/default`]: resource("ClusterInformation", "default", info),
  [`${RESOURCES}/ippools/pool`]: resource("IPPool", "pool", { cidr: "10.64.0.0/16", blockSize: 26 }),
  [`${RESOURCES}/nodes/node-1`]: resource("Node", "node-1", node),
  [`${RESOURCES}/networkpolicies/default/default.deny-db`]: resource(
    "NetworkPolicy",
    "default/default.deny-db",
    { selector: "role == 'db'", types: ["Ingress"], ingress: [{ action: "Deny" }] },
    { team: "data" },
  ),
  [`${RESOURCES}/globalnetworksets/office`]: resource("GlobalNetworkSet", "office", { nets: [] }, { a: "b" }),
  [`/calico/ipam/v2/host/node-1/ipv4/block/10.64.0.0-26`]: { state: "confirmed" },
};

interface Bed {
  etcd: EtcdHandle;
  kubernetes: KubernetesHandle;
  rig: TestEngine;
  manifest: string;
}

/** Both sides, with a run that has exactly the rights that `rbac` prints for this version. */
async function withBed(work: (bed: Bed) => Promise<void>): Promise<void> {
  const folder = temporaryFolder("old-calico");
  const [etcd, kubernetes] = await Promise.all([
    startEtcd({ tls: false }),
    startKubernetes({ local: true, controllers: true }),
  ]);
  let rig: TestEngine | undefined;
  try {
    await installCrds(kubernetes, "crd.projectcalico.org/v1", "3.24");
    await createNodes(kubernetes.api, ["node-1"]);
    await waitForReadyNodes(kubernetes.api, 1);
    await mustRequest(kubernetes.api, "POST", DAEMON_SETS, calicoNode("etcdv3", VERSION));
    await withEtcdClient(etcd, async (client) => {
      for (const [key, value] of Object.entries(SOURCE)) await client.put(key).value(JSON.stringify(value));
    });
    const manifest = writeManifest(folder, VERSION);
    const kubeconfig = await accountOf(kubernetes, folder, manifest);
    rig = openEngine(join(folder, "store.db"), { etcdEndpoint: etcd.endpoint, kubeconfig });
    await work({ etcd, kubernetes, rig, manifest });
  } finally {
    rig?.close();
    await Promise.all([etcd.stop(), kubernetes.stop()]);
    removeFolder(folder);
  }
}

async function accountOf(kubernetes: KubernetesHandle, folder: string, manifest: string): Promise<string> {
  const request = { migration: "etcd-to-kubernetes", ...ACCOUNT, manifest, calicoVersion: VERSION };
  const file = join(folder, "rbac.yaml");
  writeFileSync(file, yamlOf(await rbacObjects({ cwd: folder }, request)));
  await kubernetes.kubectl(["apply", "-f", file]);
  const kubeconfig = join(folder, "account.kubeconfig");
  await writeAccountKubeconfig(kubeconfig, kubernetes.api);
  return kubeconfig;
}

async function drive({ rig }: Bed, runId: string, state: string): Promise<void> {
  const run = await rig.drive(runId);
  assert.equal(run.state, state, JSON.stringify([run.stage, run.failure, run.waiting]));
}

describe("a cluster with Calico 3.24", () => {
  test("moves to what that Calico reads, and back with what came since under the names that it gives", () =>
    withBed(async (bed) => {
      const { etcd, rig } = bed;
      const { api } = bed.kubernetes;
      const [etcdBefore, calicoBefore] = [
        await dumpEtcd(etcd),
        await dumpKubernetes(api, { paths: [GROUP] }),
      ];
      const options = { manifest: bed.manifest, quietMs: 100 };
      const runId = await startRun(rig, options, ["unlock"], "lock");
      await drive(bed, runId, "Waiting");

      const policy = await mustRequest(api, "GET", `${POLICIES}/default.deny-db`);
      assert.deepEqual(objectAt(policy, "metadata", "labels"), { team: "data" });
      const stored = textAt(policy, "metadata", "annotations", METADATA_ANNOTATION);
      assert.deepEqual(Object.keys(JSON.parse(stored) as object), ["creationTimestamp"]);
      assert.equal(objectAt(policy, "spec")["tier"], undefined);
      const affinity = await mustRequest(api, "GET", `${GROUP}/blockaffinities/node-1-10-64-0-0-26`);
      assert.equal(objectAt(affinity, "spec")["type"], undefined);

      await rig.engine.approve(runId, "test", "lock");
      await drive(bed, runId, "Succeeded");
      const created = {
        apiVersion: "crd.projectcalico.org/v1",
        kind: "NetworkPolicy",
        spec: { selector: "all()" },
      };
      await mustRequest(api, "POST", POLICIES, { ...created, metadata: { name: "default.late" } });
      await rig.engine.undo(runId, "rollback");
      await drive(bed, runId, "RolledBack");

      const etcdNow = await dumpEtcd(etcd);
      const late = `${RESOURCES}/networkpolicies/default/default.late`;
      assert.deepEqual(
        etcdBefore.changesUntil(etcdNow).map(({ id }) => id),
        [late],
      );
      const { metadata } = JSON.parse(etcdNow.entries.get(late) ?? "{}") as { metadata: JsonObject };
      assert.equal(metadata["name"], "default.late");
      assert.deepEqual(calicoBefore.changesUntil(await dumpKubernetes(api, { paths: [GROUP] })), []);
    }));

  test("that has something of a newer Calico in etcd names it, and leaves it behind with consent", () =>
    withBed(async (bed) => {
      const key = `${RESOURCES}/bgpfilters/newer`;
      const filter = JSON.stringify(resource("BGPFilter", "newer", {}));
      await withEtcdClient(bed.etcd, async (client) => {
        await client.put(key).value(filter);
      });
      const runId = await startRun(bed.rig, { quietMs: 100 }, ["unlock", "switch"]);
      await drive(bed, runId, "Waiting");
      const { run } = await bed.rig.engine.describe(runId);
      assert.equal(run.waiting?.subject, "uncarried");
      assert.match(run.waiting.message, /bgpfilters\/newer.*no CRD bgpfilters\.crd\.projectcalico\.org/);
      await bed.rig.engine.undo(runId, "rollback");
      await drive(bed, runId, "RolledBack");
    }));
});
