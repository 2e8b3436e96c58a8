import { FULL_NODE, resource, resourceKey, SAMPLES, storedText } from "../../../calico/testing/samples.ts";
import { crdNames, type TargetGroup } from "../../../calico/kinds.ts";
import type { JsonObject } from "../../../json.ts";
import type { FakeEtcd } from "./fake-etcd.ts";
import type { FakeKubernetes } from "../../testing/fake-kubernetes.ts";

const NODES = [
  { etcd: "rack1-a", kubernetes: "node-a.example" },
  { etcd: "node-b", kubernetes: "node-b" },
];
const NAMESPACES = ["default", "shop"];

/** How many resources of {@link fillSource} a migration carries. */
export const CARRIED = SAMPLES.length - 1 + NODES.length;

/** A datastore with one resource of every kind at least. */
export function fillSource(etcd: FakeEtcd): void {
  for (const sample of SAMPLES) etcd.put(sample.key, storedText(sample));
  const spec = {
    orchRefs: [{ nodeName: "node-b", orchestrator: "k8s" }],
    bgp: { ipv4Address: "192.0.2.11/24" },
  };
  etcd.put(resourceKey("nodes", "rack1-a"), JSON.stringify(FULL_NODE));
  etcd.put(resourceKey("nodes", "node-b"), JSON.stringify(resource("Node", "node-b", spec)));
}

/** An empty target: CRDs, namespaces and Nodes, one of which has an annotation of Calico's already. */
export async function prepareTarget(kubernetes: FakeKubernetes, group: TargetGroup): Promise<void> {
  for (const name of crdNames(group)) await kubernetes.create(CRDS, crd(name));
  for (const name of NAMESPACES) await kubernetes.create(core("namespaces"), coreObject("Namespace", name));
  for (const { kubernetes: name } of NODES) await kubernetes.create(core("nodes"), coreObject("Node", name));
  const annotations = { "projectcalico.org/IPv4Address": "192.0.2.99/24", "example.com/rack": "7" };
  const patch = { metadata: { annotations } };
  await kubernetes.patch({ ...core("nodes"), name: "node-a.example" }, patch, { type: "merge" });
}

const CRDS = { apiVersion: "apiextensions.k8s.io/v1", plural: "customresourcedefinitions" };

function core(plural: string): { apiVersion: string; plural: string } {
  return { apiVersion: "v1", plural };
}

function coreObject(kind: string, name: string): JsonObject {
  return { apiVersion: "v1", kind, metadata: { name } };
}

function crd(name: string): JsonObject {
  const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
  return {
    apiVersion: CRDS.apiVersion,
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: { group: name.slice(name.indexOf(".") + 1), versions: [] },
    status: { conditions },
  };
}
