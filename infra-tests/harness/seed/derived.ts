import { range, resource, type SeedEntry } from "./entries.ts";
import { podCount, podOf } from "./ipam.ts";
import type { SeedPlan } from "./plan.ts";

// What a real datastore also holds and no migration carries: profiles and endpoints that the Kubernetes datastore
// computes itself, and the housekeeping of Calico's components.

/** Profiles, workload endpoints, policies made of Kubernetes', status reports and markers. */
export function* derivedEntries(plan: SeedPlan): Generator<SeedEntry> {
  yield profile("projectcalico-default-allow", {});
  for (const namespace of plan.namespaces) {
    yield profile(`kns.${namespace}`, { "pcns.kubernetes.io/metadata.name": namespace });
    yield profile(`ksa.${namespace}.default`, { "pcsa.projectcalico.org/name": "default" });
    yield kubernetesPolicy(namespace);
  }
  for (const index of range(Math.ceil(podCount(plan) / 4))) yield workloadEndpoint(plan, index);
  for (const { etcdName } of plan.nodes) {
    yield { key: `/calico/ipam/v2/host/${etcdName}`, value: "" };
    for (const report of ["status", "last_reported_status"]) {
      yield { key: `/calico/felix/v2/no-region/host/${etcdName}/${report}`, value: '{"uptime":86400.1}' };
    }
  }
  yield { key: "/calico/compaction/v1/last", value: "0" };
}

function profile(name: string, labelsToApply: Record<string, string>): SeedEntry {
  const rule = { action: "Allow", source: {}, destination: {} };
  return resource({
    kind: "Profile",
    plural: "profiles",
    name,
    spec: { ingress: [rule], egress: [rule], labelsToApply },
  });
}

function kubernetesPolicy(namespace: string): SeedEntry {
  return resource({
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    namespace,
    name: "knp.default.allow-same-namespace",
    spec: {
      order: 1000,
      selector: "projectcalico.org/orchestrator == 'k8s'",
      types: ["Ingress"],
      ingress: [
        { action: "Allow", source: { selector: "projectcalico.org/orchestrator == 'k8s'" }, destination: {} },
      ],
    },
  });
}

function workloadEndpoint(plan: SeedPlan, index: number): SeedEntry {
  const { namespace, name: pod, node, handle, address } = podOf(plan, index);
  const dashed = (text: string) => text.replaceAll("-", "--");
  return resource({
    kind: "WorkloadEndpoint",
    plural: "workloadendpoints",
    namespace,
    name: `${dashed(node)}-k8s-${dashed(pod)}-eth0`,
    labels: {
      "projectcalico.org/namespace": namespace,
      "projectcalico.org/orchestrator": "k8s",
    },
    spec: {
      orchestrator: "k8s",
      node,
      pod,
      endpoint: "eth0",
      containerID: handle.slice(-64),
      interfaceName: `cali${handle.slice(-11)}`,
      ipNetworks: [`${address}/32`],
      profiles: [`kns.${namespace}`, `ksa.${namespace}.default`],
    },
  });
}
