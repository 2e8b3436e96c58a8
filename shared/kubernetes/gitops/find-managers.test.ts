import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { findManagers } from "./find-managers.ts";
import { FakeCluster } from "./testing/fake-cluster.ts";
import { pages } from "./testing/pages.ts";

const IN_CLUSTER = { server: "https://kubernetes.default.svc", namespace: "default" };
const POOL = { group: "projectcalico.org", version: "v3", kind: "IPPool", name: "default-ipv4-ippool" };

function named(name: string, metadata: JsonObject = {}): JsonObject {
  return { kind: "IPPool", metadata: { name, ...metadata } };
}

async function namesOf(cluster: FakeCluster, ...objects: JsonObject[]): Promise<string[]> {
  const { managers } = await findManagers(cluster.api, pages(...objects));
  return managers.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`);
}

async function elsewhere(...objects: JsonObject[]): Promise<string[]> {
  const found = await findManagers(new FakeCluster({}).api, pages(...objects));
  assert.deepEqual(found.managers, []);
  return found.elsewhere.map(({ tool, name }) => `${tool}: ${name}`);
}

suite("managers of Calico by what they say themselves", () => {
  test("Argo CD: status.resources names Calico's objects, CRDs, APIService, workloads", async () => {
    const cluster = new FakeCluster();
    const group = "apiextensions.k8s.io";
    const resources: Record<string, JsonObject> = {
      pools: POOL,
      crds: { group, kind: "CustomResourceDefinition", name: "ippools.crd.projectcalico.org" },
      api: { group: "apiregistration.k8s.io", kind: "APIService", name: "v3.projectcalico.org" },
      operator: { group: "operator.tigera.io", kind: "Installation", name: "default" },
      node: { group: "apps", kind: "DaemonSet", namespace: "kube-system", name: "calico-node" },
      shop: { group: "apps", kind: "Deployment", namespace: "shop", name: "web" },
      lookalike: { group, kind: "CustomResourceDefinition", name: "pools.notprojectcalico.org" },
    };
    for (const [name, resource] of Object.entries(resources)) {
      cluster.add("Application", "argocd", name, {
        spec: { destination: IN_CLUSTER },
        status: { resources: [resource] },
      });
    }
    const expected = ["api", "crds", "node", "operator", "pools"].map((name) => `Application argocd/${name}`);
    assert.deepEqual(await namesOf(cluster), expected);
  });

  test("Argo CD: an Application for another cluster is none of this one's, unless an object here bears its mark", async () => {
    const cluster = new FakeCluster();
    cluster.add("Application", "argocd", "calico-b", {
      spec: { destination: { server: "https://b.example.org", namespace: "calico-system" } },
      status: { resources: [POOL] },
    });
    assert.deepEqual(await namesOf(cluster), []);
    const annotations = { "argocd.argoproj.io/tracking-id": "calico-b:projectcalico.org/IPPool:/a" };
    assert.deepEqual(await namesOf(cluster, named("a", { annotations })), ["Application argocd/calico-b"]);
  });

  test("Argo CD: the destination's namespace is one of Calico's", async () => {
    const cluster = new FakeCluster();
    for (const namespace of ["calico-system", "tigera-operator", "calicot"]) {
      const destination = { name: "in-cluster", namespace };
      cluster.add("Application", "argocd", namespace, { spec: { destination } });
    }
    assert.deepEqual(await namesOf(cluster), [
      "Application argocd/calico-system",
      "Application argocd/tigera-operator",
    ]);
  });

  test("Flux: inventories, also with names that hold a colon; not on a remote cluster", async () => {
    const cluster = new FakeCluster();
    const entries = [{ id: "shop_allow-web_projectcalico.org_NetworkPolicy", v: "v3" }];
    const status = { inventory: { entries } };
    cluster.add("Kustomization", "flux-system", "policies", { spec: {}, status });
    cluster.add("Kustomization", "flux-system", "remote", { spec: { kubeConfig: {} }, status });
    const role = { id: "_calico__node_rbac.authorization.k8s.io_ClusterRole", v: "v1" };
    const shop = { inventory: { entries: [role] } };
    cluster.add("Kustomization", "flux-system", "shop", { spec: {}, status: shop });
    cluster.add("HelmRelease", "tigera-operator", "operator", { spec: {} });
    assert.deepEqual(await namesOf(cluster), [
      "Kustomization flux-system/policies",
      "HelmRelease tigera-operator/operator",
    ]);
  });

  test("the evidence names what is managed, and where that is said", async () => {
    const cluster = new FakeCluster();
    const entries = ["calico-system_calico__x_rbac.authorization.k8s.io_Role", "_a_projectcalico.org_Tier"];
    cluster.add("Kustomization", "flux-system", "calico", {
      spec: { targetNamespace: "calico-system" },
      status: { inventory: { entries: entries.map((id) => ({ id, v: "v1" })) } },
    });
    const { managers } = await findManagers(cluster.api, pages());
    assert.deepEqual(managers[0]?.evidence, {
      count: 3,
      examples: [
        "status.inventory names Role calico-system/calico:x",
        "status.inventory names Tier a",
        "spec.targetNamespace is calico-system",
      ],
    });
  });

  test("Fleet: what is deployed to the cluster of Fleet itself, with the GitRepo that made the Bundle", async () => {
    const cluster = new FakeCluster();
    cluster.add("GitRepo", "fleet-local", "platform");
    cluster.add("GitRepo", "fleet-local", "other");
    const labels = { "fleet.cattle.io/repo-name": "platform" };
    cluster.add("Bundle", "fleet-local", "platform-calico", { metadata: { labels } });
    cluster.add("Bundle", "fleet-default", "downstream");
    const resources = [{ apiVersion: "projectcalico.org/v3", kind: "IPPool", name: "a" }];
    for (const [namespace, name] of [
      ["fleet-local", "platform-calico"],
      ["fleet-default", "downstream"],
    ] as const) {
      const deployed = {
        "fleet.cattle.io/cluster-namespace": namespace,
        "fleet.cattle.io/bundle-namespace": namespace,
        "fleet.cattle.io/bundle-name": name,
      };
      cluster.add("BundleDeployment", `cluster-${namespace}`, name, {
        metadata: { labels: deployed },
        status: { resources },
      });
    }
    assert.deepEqual(await namesOf(cluster), [
      "GitRepo fleet-local/platform",
      "Bundle fleet-local/platform-calico",
    ]);
  });
});

suite("managers of Calico by the marks on its objects", () => {
  test("each tool's labels and annotations lead to its object", async () => {
    const cluster = new FakeCluster();
    cluster.add("Application", "argocd", "one");
    cluster.add("Application", "team", "two");
    cluster.add("Application", "argocd", "three");
    cluster.add("Kustomization", "flux-system", "four");
    cluster.add("HelmRelease", "flux-system", "five");
    cluster.add("HelmRelease", "flux-system", "six", { spec: { targetNamespace: "kube-system" } });
    cluster.add("Bundle", "fleet-local", "seven");
    cluster.add("Bundle", "fleet-local", "eight");
    const found = await namesOf(
      cluster,
      named("1", { annotations: { "argocd.argoproj.io/tracking-id": "one:projectcalico.org/IPPool:/1" } }),
      named("2", {
        annotations: { "argocd.argoproj.io/tracking-id": "team_two:projectcalico.org/IPPool:/2" },
      }),
      named("3", { labels: { "argocd.argoproj.io/instance": "three" } }),
      named("4", {
        labels: {
          "kustomize.toolkit.fluxcd.io/name": "four",
          "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        },
      }),
      named("5", {
        labels: { "helm.toolkit.fluxcd.io/name": "five", "helm.toolkit.fluxcd.io/namespace": "flux-system" },
      }),
      named("6", {
        annotations: {
          "meta.helm.sh/release-name": "kube-system-six",
          "meta.helm.sh/release-namespace": "kube-system",
        },
      }),
      named("7", { annotations: { "objectset.rio.cattle.io/id": "default-seven" } }),
    );
    assert.deepEqual(found, [
      "Application argocd/one",
      "Application argocd/three",
      "Application team/two",
      "Kustomization flux-system/four",
      "HelmRelease flux-system/five",
      "HelmRelease flux-system/six",
      "Bundle fleet-local/seven",
    ]);
  });

  test("marks that Calico keeps in its metadata annotation are seen", async () => {
    const cluster = new FakeCluster();
    cluster.add("Application", "argocd", "calico");
    const kept = { annotations: { "argocd.argoproj.io/tracking-id": "calico:projectcalico.org/IPPool:/a" } };
    const annotations = { "projectcalico.org/metadata": JSON.stringify(kept) };
    assert.deepEqual(await namesOf(cluster, named("a", { annotations })), ["Application argocd/calico"]);
  });

  test("a manager that is not in this cluster is named, a bare Helm release is not", async () => {
    const names = await elsewhere(
      named("1", { annotations: { "argocd.argoproj.io/tracking-id": "hub:projectcalico.org/IPPool:/1" } }),
      named("2", { annotations: { "objectset.rio.cattle.io/id": "default-rancher" } }),
      named("3", {
        annotations: {
          "objectset.rio.cattle.io/id": "helm-controller-chart-registration",
          "objectset.rio.cattle.io/owner-gvk": "helm.cattle.io/v1, Kind=HelmChart",
          "objectset.rio.cattle.io/owner-name": "rke2-calico",
          "objectset.rio.cattle.io/owner-namespace": "kube-system",
        },
      }),
      named("4", {
        annotations: { "meta.helm.sh/release-name": "calico", "meta.helm.sh/release-namespace": "tigera" },
      }),
    );
    assert.deepEqual(names, [
      "argocd: Application hub",
      "fleet: Set default-rancher",
      "objectset: HelmChart kube-system/rke2-calico",
    ]);
  });

  test("evidence is counted whole and named in part", async () => {
    const cluster = new FakeCluster();
    cluster.add("Application", "argocd", "calico");
    const annotations = { "argocd.argoproj.io/tracking-id": "calico:projectcalico.org/IPPool:/x" };
    const many = Array.from({ length: 2000 }, (_, index) => named(`pool-${index}`, { annotations }));
    const { managers } = await findManagers(cluster.api, pages(...many));
    assert.equal(managers[0]?.evidence.count, 2000);
    assert.deepEqual(managers[0].evidence.examples, [
      "annotation argocd.argoproj.io/tracking-id of IPPool pool-0",
      "annotation argocd.argoproj.io/tracking-id of IPPool pool-1",
      "annotation argocd.argoproj.io/tracking-id of IPPool pool-2",
    ]);
  });
});

suite("managers of managers", () => {
  const tracked = (app: string): JsonObject => ({
    annotations: { "argocd.argoproj.io/tracking-id": `${app}:argoproj.io/Application:argocd/x` },
  });

  test("come before what they manage: ApplicationSets, and Applications of Applications, also of themselves", async () => {
    const cluster = new FakeCluster();
    const ownerReferences = [{ kind: "ApplicationSet", name: "clusters", uid: "x" }];
    const spec = { destination: IN_CLUSTER };
    const status = { resources: [POOL] };
    cluster.add("Application", "argocd", "calico", { metadata: tracked("platform"), spec, status });
    cluster.add("Application", "argocd", "generated", { metadata: { ownerReferences }, spec, status });
    cluster.add("Application", "argocd", "platform", { metadata: tracked("root") });
    cluster.add("Application", "argocd", "root", { metadata: tracked("root") });
    cluster.add("Application", "argocd", "unrelated");
    cluster.add("ApplicationSet", "argocd", "clusters");
    cluster.add("ApplicationSet", "team", "clusters");
    const names = await namesOf(cluster);
    assert.deepEqual(names, [
      "Application argocd/root",
      "Application argocd/platform",
      "Application argocd/calico",
      "ApplicationSet argocd/clusters",
      "Application argocd/generated",
    ]);
  });

  test("a Kustomization counts only when it would undo the pause", async () => {
    const labels = {
      "kustomize.toolkit.fluxcd.io/name": "root",
      "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    };
    const managedBy = (fields: JsonObject): JsonObject[] => [
      { manager: "kustomize-controller", operation: "Apply", fieldsV1: { "f:spec": fields } },
    ];
    const found = async (fields: JsonObject): Promise<string[]> => {
      const cluster = new FakeCluster();
      cluster.add("Kustomization", "flux-system", "root");
      const metadata = { labels, managedFields: managedBy(fields) };
      cluster.add("HelmRelease", "tigera-operator", "calico", { metadata, spec: {} });
      return namesOf(cluster);
    };
    assert.deepEqual(await found({ "f:chart": {} }), ["HelmRelease tigera-operator/calico"]);
    assert.deepEqual(await found({ "f:chart": {}, "f:suspend": {} }), [
      "Kustomization flux-system/root",
      "HelmRelease tigera-operator/calico",
    ]);
  });
});

suite("the search", () => {
  test("asks only for what is served, in the version that is", async () => {
    const cluster = new FakeCluster({ "kustomize.toolkit.fluxcd.io": "v1beta2" });
    cluster.add("Kustomization", "flux-system", "calico", { spec: { targetNamespace: "calico-system" } });
    const { managers } = await findManagers(cluster.api, pages());
    assert.deepEqual(
      managers.map(({ apiVersion }) => apiVersion),
      ["kustomize.toolkit.fluxcd.io/v1beta2"],
    );
    assert.deepEqual(await findManagers(new FakeCluster({}).api, pages()), { managers: [], elsewhere: [] });
  });

  test("never holds more than a page of a tool's objects", async () => {
    const cluster = new FakeCluster();
    const spec = { destination: { name: "in-cluster", namespace: "calico-system" } };
    for (let index = 0; index < 120; index++) cluster.add("Application", "argocd", `app-${index}`, { spec });
    assert.equal((await namesOf(cluster)).length, 120);
    assert.equal(cluster.largestPage, 50);
  });
});
