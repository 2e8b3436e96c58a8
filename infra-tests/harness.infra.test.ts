import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "../shared/json.ts";
import { objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { mustRequest, openApi } from "./harness/api.ts";
import { calicoCrds, installCrds } from "./harness/crds.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { startEtcdCluster } from "./harness/etcd-cluster.ts";
import { withEtcdClient } from "./harness/etcd-kv.ts";
import { startEtcd } from "./harness/etcd.ts";
import { startFaultProxy } from "./harness/fault-proxy.ts";
import { type KubernetesHandle, startKubernetes } from "./harness/kubernetes.ts";
import { prepareKubernetes, seedCalico, writeSeed } from "./harness/seed.ts";
import { startTcpProxy } from "./harness/tcp-proxy.ts";
import { waitUntil } from "./harness/wait.ts";

/** Command lines of processes that work in one of these folders. */
function processesIn(folders: readonly string[]): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter((line) => folders.some((folder) => line.includes(`${folder}/`)));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended meanwhile.
    return "";
  }
}

const daemonSet = {
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "calico-node", namespace: "kube-system" },
  spec: {
    selector: { matchLabels: { app: "calico-node" } },
    template: {
      metadata: { labels: { app: "calico-node" } },
      spec: { containers: [{ name: "calico-node", image: "example.com/calico-node:1" }] },
    },
  },
};

function readiness(pod: JsonObject): string | undefined {
  const ready = objectsAt(pod, "status", "conditions").find(({ type }) => type === "Ready");
  return ready && textAt(ready, "status");
}

describe("a local cluster with controllers and three nodes", () => {
  let cluster: KubernetesHandle;
  before(async () => {
    cluster = await startKubernetes({ local: true, controllers: true, nodes: 3 });
  });
  after(() => cluster.stop());

  test("rolls a DaemonSet out to every node, twice", async () => {
    const path = "/apis/apps/v1/namespaces/kube-system/daemonsets";
    const rolledOut = () =>
      cluster.kubectl([
        "--namespace=kube-system",
        "rollout",
        "status",
        "daemonset/calico-node",
        "--timeout=60s",
      ]);
    await mustRequest(cluster.api, "POST", path, daemonSet);
    assert.match(await rolledOut(), /successfully rolled out/);
    const image =
      '{"spec":{"template":{"spec":{"containers":[{"name":"calico-node","image":"example.com/calico-node:2"}]}}}}';
    await cluster.kubectl(["--namespace=kube-system", "patch", "daemonset/calico-node", `--patch=${image}`]);
    assert.match(await rolledOut(), /successfully rolled out/);
    const { status } = await mustRequest(cluster.api, "GET", `${path}/calico-node`);
    assert.equal((status as { updatedNumberScheduled: number }).updatedNumberScheduled, 3);
  });

  test("has pods ready again that were marked while their node was away", async () => {
    const pods = "/api/v1/namespaces/kube-system/pods";
    const [pod] = objectsAt(await mustRequest(cluster.api, "GET", pods), "items");
    const path = `${pods}/${textAt(pod ?? {}, "metadata", "name")}`;
    const status = { conditions: [{ type: "Ready", status: "False" }] };
    const contentType = "application/strategic-merge-patch+json";
    const marked = await mustRequest(cluster.api, "PATCH", `${path}/status`, { status }, { contentType });
    assert.equal(readiness(marked), "False");
    await waitUntil({ what: "the pod is ready", timeoutMs: 60_000 }, async () => {
      return readiness(await mustRequest(cluster.api, "GET", path)) === "True";
    });
  });

  test("keeps its data when the API server is killed and restarted", async () => {
    const paths = ["/api/v1/configmaps"];
    const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept" }, data: { a: "1" } };
    await mustRequest(cluster.api, "POST", "/api/v1/namespaces/default/configmaps", config);
    const before = await dumpKubernetes(cluster.api, { paths });
    cluster.kill();
    await assert.rejects(cluster.api.request("GET", "/readyz"));
    await cluster.restart();
    assert.deepEqual(before.changesUntil(await dumpKubernetes(cluster.api, { paths })), []);
  });

  test("lets the unprivileged user do nothing", async () => {
    const api = await openApi(await cluster.unprivilegedKubeconfig());
    const { status, body } = await api.request("GET", "/api/v1/nodes");
    assert.deepEqual([status, body["reason"]], [403, "Forbidden"]);
    await api.close();
  });

  test("leaves no process and no folder behind", { skip: process.platform !== "linux" }, async () => {
    const folders = [cluster.kubeconfig, cluster.etcd?.dataDir ?? ""].map((path) => dirname(path));
    assert.ok(processesIn(folders).length >= 5, "etcd, kube-apiserver, controllers, scheduler, KWOK");
    await cluster.stop();
    assert.deepEqual(processesIn(folders), []);
    assert.deepEqual(
      folders.filter((folder) => existsSync(folder)),
      [],
    );
  });
});

describe("a bare local cluster", () => {
  let cluster: KubernetesHandle;
  before(async () => {
    cluster = await startKubernetes({ local: true });
  });
  after(() => cluster.stop());

  test("serves the CRDs of both groups, with structural schemas", async () => {
    for (const group of ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const) {
      await installCrds(cluster, group);
      const { resources } = await mustRequest(cluster.api, "GET", `/apis/${group}`);
      const plurals = (resources as { name: string }[]).filter(({ name }) => !name.includes("/"));
      assert.equal(plurals.length, calicoCrds(group).length);
    }
    const all = await cluster.kubectl([
      "get",
      "crds",
      "--output=jsonpath={.items[*].status.conditions[*].type}",
    ]);
    assert.doesNotMatch(all, /NonStructuralSchema/);
  });

  test("gets the namespaces and nodes of a seed, as often as asked", async () => {
    const seed = seedCalico({ resources: 1_000 });
    await prepareKubernetes(cluster, seed);
    await prepareKubernetes(cluster, seed);
    const dump = await dumpKubernetes(cluster.api, { paths: ["/api/v1/nodes", "/api/v1/namespaces"] });
    const expected = [
      ...seed.kubernetesNodes.map((name) => `/api/v1/nodes/${name}`),
      ...seed.namespaces.map((name) => `/api/v1/namespaces/${name}`),
    ];
    assert.deepEqual(
      expected.filter((id) => !dump.entries.has(id)),
      [],
    );
  });

  test("carries out what the fault proxy loses the answer of", async () => {
    const proxy = await startFaultProxy(cluster.api);
    const api = await openApi(proxy.kubeconfig);
    const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "lost" } };
    proxy.inject({ fault: { type: "dropAfter" }, methods: ["POST"], count: 1 });
    await assert.rejects(api.request("POST", "/api/v1/namespaces/default/configmaps", config));
    assert.equal((await api.request("GET", "/api/v1/namespaces/default/configmaps/lost")).status, 200);
    await api.close();
    await proxy.stop();
  });
});

describe("etcd", () => {
  test("a seed is written, read back, and survives SIGKILL", async () => {
    const etcd = await startEtcd();
    const seed = seedCalico({ resources: 1_000, edges: true });
    await writeSeed(etcd, seed);
    const written = await dumpEtcd(etcd);
    assert.deepEqual([...written.entries.keys()], [...seed.entries()].map(({ key }) => key).sort());
    const { pid } = etcd;
    etcd.kill();
    await etcd.restart();
    assert.notEqual(etcd.pid, pid);
    assert.equal((await dumpEtcd(etcd)).hash, written.hash);
    await etcd.stop();
  });

  test("with TLS, a client certificate is demanded, also through the TCP proxy", async () => {
    const etcd = await startEtcd({ tls: true });
    const proxy = await startTcpProxy(etcd);
    assert.equal((await dumpEtcd(proxy)).entries.size, 0);
    assert.ok(etcd.caFile !== undefined);
    await assert.rejects(dumpEtcd({ endpoint: etcd.endpoint, caFile: etcd.caFile }), /certificate required/);
    await proxy.stop();
    await etcd.stop();
  });

  test("three members elect another leader when theirs is killed, and lose nothing", async () => {
    const cluster = await startEtcdCluster(3);
    const leader = await cluster.leader();
    await withEtcdClient(leader, async (client) => client.put("/calico/kept").value("yes"));
    leader.kill();
    const next = await cluster.leader();
    assert.notEqual(next.endpoint, leader.endpoint);
    assert.equal(await withEtcdClient(next, (client) => client.get("/calico/kept").string()), "yes");
    await cluster.stop();
  });
});
