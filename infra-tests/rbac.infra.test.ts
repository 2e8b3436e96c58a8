import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { rbacObjects, yamlOf } from "../cli/rbac.ts";
import type { JsonObject } from "../shared/json.ts";
import { type AccessRule, checkAccess } from "../shared/kubernetes/access.ts";
import type { KubernetesClient } from "../shared/kubernetes/client.ts";
import { connectKubernetes } from "../shared/kubernetes/connection.ts";
import { objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { loadManifests } from "../shared/kubernetes/manifests.ts";
import { accessOf } from "../shared/migrations/access.ts";
import type { TargetGroup } from "../shared/calico/kinds.ts";
import { calicoNode } from "./crash/calico-node.ts";
import { mustRequest, type TestApi } from "./harness/api.ts";
import { calicoCrds } from "./harness/crds.ts";
import { dumpKubernetes } from "./harness/dump.ts";
import { waitForReadyNodes } from "./harness/nodes.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { ACCOUNT, writeAccountKubeconfig } from "./rig/account.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { openEngine, startRun } from "./rig/runs.ts";

const MIGRATION = "etcd-to-kubernetes";
const GROUP: TargetGroup = "crd.projectcalico.org/v1";
const DAEMON_SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** A CRD that the run has to create from the manifest. */
const MISSING_CRD = "ipreservations.crd.projectcalico.org";

describe("a service account with exactly the printed rights", () => {
  let sides: Sides;
  let folder: string;
  let manifest: string;
  let rollbackManifest: string;
  let printed: JsonObject[];
  let kubeconfig: string;

  before(async () => {
    sides = await startSides({ resources: 100, nodes: 2 }, { controllers: true });
    folder = temporaryFolder("rbac");
    const { api } = sides.kubernetes;
    await waitForReadyNodes(api, sides.seed.kubernetesNodes.length);
    await mustRequest(api, "POST", DAEMON_SETS, calicoNode("etcdv3"));
    const crd = await takeCrd(api);
    manifest = write("calico.yaml", [crd, ...calicoRoles(), calicoNode("kubernetes")]);
    rollbackManifest = write("calico-etcd.yaml", [...calicoRoles(), calicoNode("etcdv3")]);
    const request = { migration: MIGRATION, ...ACCOUNT, manifest, rollbackManifest };
    const text = yamlOf(await rbacObjects({ cwd: folder }, request));
    printed = parseAllDocuments(text).map((document) => document.toJS() as JsonObject);
    const file = join(folder, "rbac.yaml");
    writeFileSync(file, text);
    await sides.kubernetes.kubectl(["apply", "-f", file]);
    kubeconfig = join(folder, "account.kubeconfig");
    await writeAccountKubeconfig(kubeconfig, api);
  });
  after(async () => {
    await sides.stop();
    removeFolder(folder);
  });

  function write(name: string, objects: readonly JsonObject[]): string {
    const path = join(folder, name);
    writeFileSync(path, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
    return path;
  }

  async function rules(): Promise<AccessRule[]> {
    return accessOf(MIGRATION, {
      targetGroup: GROUP,
      manifest: await loadManifests(manifest),
      rollbackManifest: await loadManifests(rollbackManifest),
    });
  }

  async function withClient<T>(act: (client: KubernetesClient) => Promise<T>): Promise<T> {
    const client = await connectKubernetes({ kubeconfig, userAgent: "calico-migrator-test" });
    try {
      return await act(client);
    } finally {
      await client.close();
    }
  }

  test("goes through a whole migration with a manifest, and its rollback", async () => {
    const { api } = sides.kubernetes;
    const calico = { paths: [`/apis/${GROUP}`] };
    const calicoBefore = await dumpKubernetes(api, calico);
    const rig = openEngine(join(folder, "store.db"), { etcdEndpoint: sides.etcd.endpoint, kubeconfig });
    try {
      const options = { manifest, rollbackManifest, quietMs: 100 };
      const runId = await startRun(rig, options, ["unlock"]);
      const run = await rig.drive(runId);
      assert.equal(run.state, "Succeeded", JSON.stringify([run.stage, run.failure, run.waiting]));
      assert.equal((await api.request("GET", `${CRDS}/${MISSING_CRD}`)).status, 200);
      await rig.engine.undo(runId, "rollback");
      const undone = await rig.drive(runId);
      assert.equal(
        undone.state,
        "RolledBack",
        JSON.stringify([undone.stage, undone.failure, undone.waiting]),
      );
      assert.equal((await api.request("GET", `${CRDS}/${MISSING_CRD}`)).status, 404);
      assert.deepEqual(calicoBefore.changesUntil(await dumpKubernetes(api, calico)), []);
    } finally {
      rig.close();
    }
  });

  test("may do nothing beside", async () => {
    const beyond: AccessRule[] = [
      { group: "", resource: "secrets", verb: "get" },
      { group: "", resource: "secrets", verb: "list", namespace: "kube-system" },
      { group: "", resource: "pods", verb: "delete" },
      { group: "", resource: "nodes", verb: "update" },
      { group: "apps", resource: "daemonsets", verb: "patch", namespace: "kube-system", name: "kube-proxy" },
      { group: "apps", resource: "daemonsets", verb: "create", namespace: "default" },
      {
        group: "apiextensions.k8s.io",
        resource: "customresourcedefinitions",
        verb: "delete",
        name: "a.example.com",
      },
      { group: "rbac.authorization.k8s.io", resource: "clusterroles", verb: "escalate", name: "admin" },
      { group: "rbac.authorization.k8s.io", resource: "clusterroles", verb: "bind", name: "cluster-admin" },
      { group: "crd.projectcalico.org", resource: "ippools", verb: "deletecollection" },
    ];
    const denied = await withClient((client) => checkAccess(client, beyond));
    assert.equal(denied.length, beyond.length);
  });

  test("is told of each rule that is missing by the preflight's check", async () => {
    const asked = await rules();
    await withClient(async (client) => {
      assert.deepEqual(await checkAccess(client, asked), []);
      for (const role of printed.filter(({ kind }) => kind === "ClusterRole" || kind === "Role")) {
        const own = objectsAt(role, "rules").filter((rule) => isAskedFor(rule));
        for (const rule of own) await withoutRule(role, rule, () => noticed(client, asked, rule));
      }
    });
  });

  async function withoutRule(role: JsonObject, rule: JsonObject, look: () => Promise<void>): Promise<void> {
    const { api } = sides.kubernetes;
    const path = rolePath(role);
    const rest = objectsAt(role, "rules").filter((one) => one !== rule);
    await mustRequest(api, "PUT", path, { ...role, rules: rest });
    await look();
    await mustRequest(api, "PUT", path, role);
  }

  /** The authoriser learns of changed roles a moment later. */
  async function noticed(
    client: KubernetesClient,
    asked: readonly AccessRule[],
    rule: JsonObject,
  ): Promise<void> {
    const what = `a check without ${JSON.stringify(rule)} notices it`;
    await waitUntil({ what, timeoutMs: 60_000 }, async () => (await checkAccess(client, asked)).length > 0);
  }

  test("is stopped by the preflight where a right is missing, before anything is changed", async () => {
    const { api } = sides.kubernetes;
    const role = printed.find(({ kind }) => kind === "ClusterRole") ?? {};
    const rule = objectsAt(role, "rules").find((one) => JSON.stringify(one).includes("nodes/status")) ?? {};
    await withoutRule(role, rule, async () => {
      await withClient((client) => rules().then((asked) => noticed(client, asked, rule)));
      const before = await dumpKubernetes(api);
      const rig = openEngine(join(folder, "refused.db"), { etcdEndpoint: sides.etcd.endpoint, kubeconfig });
      try {
        const run = await rig.drive(await startRun(rig, { manifest, rollbackManifest }));
        assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
        assert.match(run.failure.message, /access: 1 rights are missing.*patch nodes\/status/);
        assert.deepEqual(before.changesUntil(await dumpKubernetes(api)), []);
      } finally {
        rig.close();
      }
    });
  });
});

/** What no migration asks about, since every user may do it unless a cluster was hardened. */
function isAskedFor(rule: JsonObject): boolean {
  return rule["nonResourceURLs"] === undefined && !JSON.stringify(rule).includes("selfsubjectaccessreviews");
}

function rolePath(role: JsonObject): string {
  const [namespace, name] = [textAt(role, "metadata", "namespace"), textAt(role, "metadata", "name")];
  const base = "/apis/rbac.authorization.k8s.io/v1";
  return role["kind"] === "ClusterRole"
    ? `${base}/clusterroles/${name}`
    : `${base}/namespaces/${namespace}/roles/${name}`;
}

/** Takes a CRD out of the cluster, and gives it as a manifest has it. */
async function takeCrd(api: TestApi): Promise<JsonObject> {
  const path = `${CRDS}/${MISSING_CRD}`;
  await mustRequest(api, "DELETE", path);
  const options = { what: "the CRD is gone", timeoutMs: 60_000 };
  await waitUntil(options, async () => (await api.request("GET", path)).status === 404);
  const crd = calicoCrds(GROUP).find((one) => textAt(one, "metadata", "name") === MISSING_CRD);
  assert.ok(crd);
  return crd;
}

/** What Calico's manifests hold beside the workloads: an account, its rights, and configuration. */
function calicoRoles(): JsonObject[] {
  const api = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "calico-node", namespace: "kube-system" } },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "calico-config", namespace: "kube-system" },
      data: { typha: "none" },
    },
    {
      apiVersion: `${api}/v1`,
      kind: "ClusterRole",
      metadata: { name: "calico-node" },
      rules: [{ apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] }],
    },
    {
      apiVersion: `${api}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "calico-node" },
      roleRef: { apiGroup: api, kind: "ClusterRole", name: "calico-node" },
      subjects: [{ kind: "ServiceAccount", name: "calico-node", namespace: "kube-system" }],
    },
  ];
}
