import { KINDS, type TargetGroup, targetKind } from "../../calico/kinds.ts";
import type { AccessRule } from "../../kubernetes/access.ts";
import type { EtcdToKubernetesOptions } from "./options.ts";

const CUSTOM_RESOURCE_VERBS = ["get", "list", "create", "update", "delete"];
const CRD_VERBS = ["get", "list", "create", "patch", "delete"];
const WORKLOAD_VERBS = ["get", "create", "patch", "update", "delete"];

/** What the stages of this migration do to the cluster, as rights. */
export function accessRules(targetGroup: TargetGroup, options: EtcdToKubernetesOptions): AccessRule[] {
  const custom = KINDS.filter(({ group }) => group === "crd").flatMap((info) => {
    const group = targetGroup.slice(0, targetGroup.indexOf("/"));
    const { plural } = targetKind(info, targetGroup);
    return CUSTOM_RESOURCE_VERBS.map((verb) => ({ group, resource: plural, verb }));
  });
  return [...custom, ...coreRules(), ...(options.manifest === undefined ? [] : manifestRules())];
}

function coreRules(): AccessRule[] {
  return [
    { group: "", resource: "namespaces", verb: "list" },
    { group: "", resource: "pods", verb: "list" },
    { group: "", resource: "pods", verb: "get" },
    { group: "", resource: "nodes", verb: "list" },
    { group: "", resource: "nodes", verb: "get" },
    { group: "", resource: "nodes", subresource: "status", verb: "patch" },
    { group: "apiextensions.k8s.io", resource: "customresourcedefinitions", verb: "list" },
    { group: "apiextensions.k8s.io", resource: "customresourcedefinitions", verb: "get" },
    { group: "apps", resource: "daemonsets", verb: "get" },
    { group: "apps", resource: "deployments", verb: "get" },
  ];
}

/** With a manifest, its CRDs and its workloads are applied and, on the way back, deleted. */
function manifestRules(): AccessRule[] {
  const crds = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
  const workloads = ["daemonsets", "deployments"].flatMap((resource) =>
    WORKLOAD_VERBS.map((verb) => ({ group: "apps", resource, verb, namespace: "kube-system" })),
  );
  return [...CRD_VERBS.map((verb) => ({ ...crds, verb })), ...workloads];
}
