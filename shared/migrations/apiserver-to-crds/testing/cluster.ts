import { crdName, KINDS, kindInfo, type TargetGroup, targetKind } from "../../../calico/kinds.ts";
import type { JsonObject } from "../../../json.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import type { FakeCluster } from "./fake-cluster.ts";

/** Where the fake install of Calico is, and its API server. */
export const NAMESPACE = "kube-system";
export const API_SERVER_NAMESPACE = "calico-apiserver";

const OLD = "crd.projectcalico.org/v1";

/** An object of Calico to which others belong. */
export const OWNER = { plural: "globalnetworksets", name: "office" };

/** A native CRD as Calico's manifest has it. */
export function nativeCrd(kind: string): JsonObject {
  return definition(kind, "projectcalico.org/v3");
}

/** All of them. */
export function nativeCrds(): JsonObject[] {
  return KINDS.filter(({ group }) => group === "crd").map(({ kind }) => nativeCrd(kind));
}

/** Calico 3.33 by manifests with its API server: the old group's CRDs, an unlocked datastore, workloads, namespaces. */
export async function fillCluster(cluster: FakeCluster): Promise<void> {
  for (const { kind, group } of KINDS)
    if (group === "crd") await cluster.create(crdResource, definition(kind, OLD));
  for (const name of [NAMESPACE, API_SERVER_NAMESPACE, "tigera-operator", "shop"])
    await cluster.create(
      { apiVersion: "v1", plural: "namespaces" },
      { apiVersion: "v1", kind: "Namespace", metadata: { name } },
    );
  await cluster.create(nativeApiService, apiService());
  await cluster.create({ apiVersion: OLD, plural: "clusterinformations" }, clusterInformation());
  await cluster.create(
    { apiVersion: OLD, plural: "globalnetworksets" },
    v1Object("GlobalNetworkSet", OWNER.name),
  );
  for (const [kind, name, namespace, hostNetwork] of WORKLOADS)
    await cluster.create(
      { apiVersion: "apps/v1", plural: `${kind.toLowerCase()}s`, namespace },
      workload(kind, name, namespace, hostNetwork),
    );
}

/** The APIService of the aggregated API server. */
export function apiService(): JsonObject {
  return {
    apiVersion: nativeApiService.apiVersion,
    kind: "APIService",
    metadata: { name: nativeApiService.name },
    spec: {
      group: "projectcalico.org",
      version: "v3",
      service: { namespace: API_SERVER_NAMESPACE, name: "calico-api" },
    },
  };
}

/** A workload that is rolled out. */
export function workload(
  kind: "DaemonSet" | "Deployment",
  name: string,
  namespace: string,
  hostNetwork: boolean,
): JsonObject {
  const containers = [{ name, image: `quay.io/calico/${name}:v3.33.0`, env: [{ name: "A", value: "1" }] }];
  const initContainers =
    kind === "DaemonSet" ? [{ name: "install-cni", image: "quay.io/calico/cni:v3.33.0" }] : [];
  const template = { spec: { hostNetwork, serviceAccountName: name, containers, initContainers } };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace },
    spec:
      kind === "Deployment"
        ? { replicas: 1, template }
        : { updateStrategy: { type: "RollingUpdate" }, template },
  };
}

const WORKLOADS = [
  ["DaemonSet", "calico-node", NAMESPACE, true],
  ["Deployment", "calico-typha", NAMESPACE, true],
  ["Deployment", "calico-kube-controllers", NAMESPACE, false],
  ["Deployment", "calico-apiserver", API_SERVER_NAMESPACE, false],
] as const;

function clusterInformation(): JsonObject {
  return {
    apiVersion: OLD,
    kind: "ClusterInformation",
    metadata: { name: "default" },
    spec: { calicoVersion: "v3.33.0", clusterGUID: "feed", datastoreReady: true },
  };
}

function v1Object(kind: string, name: string): JsonObject {
  return { apiVersion: OLD, kind, metadata: { name }, spec: {} };
}

function definition(kind: string, group: TargetGroup): JsonObject {
  const info = kindInfo(kind);
  const target = targetKind(info, group);
  const subresources = info.statusSubresource ? { subresources: { status: {} } } : {};
  const [name = "", version = ""] = group.split("/");
  return {
    apiVersion: crdResource.apiVersion,
    kind: "CustomResourceDefinition",
    metadata: { name: crdName(kind, group) },
    spec: {
      group: name,
      names: { plural: target.plural, kind: target.kind },
      versions: [{ name: version, served: true, storage: true, schema: {}, ...subresources }],
    },
  };
}
