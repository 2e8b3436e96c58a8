import { range, resource, type SeedEntry } from "./entries.ts";
import type { SeedPlan } from "./plan.ts";

// What makes migrations stumble. Each case adds or replaces a few keys.

const RESOURCES = "/calico/resources/v3/projectcalico.org";
const IPAM = "/calico/ipam/v2";

const policySpec = (tier = "default") => ({
  tier,
  order: 10,
  selector: "all()",
  types: ["Ingress"],
  ingress: [{ action: "Allow", source: {}, destination: {} }],
});

function policy(namespace: string, name: string, more: object = {}): SeedEntry {
  const spec = { ...policySpec(), ...more };
  return resource({ kind: "NetworkPolicy", plural: "networkpolicies", namespace, name, spec });
}

function node(name: string, orchRefs: { nodeName: string; orchestrator: string }[]): SeedEntry {
  const spec = { bgp: { ipv4Address: "10.3.0.9/24" }, ...(orchRefs.length === 0 ? {} : { orchRefs }) };
  return resource({ kind: "Node", plural: "nodes", name, spec });
}

const handle = (id: string) => ({
  key: `${IPAM}/handle/${id}`,
  value: JSON.stringify({ block: { "10.64.0.0/26": 1 }, deleted: false }),
});

const globalSet = (name: string, more: object = {}) =>
  resource({
    kind: "GlobalNetworkSet",
    plural: "globalnetworksets",
    name,
    spec: { nets: ["198.51.100.0/24"] },
    ...more,
  });

/** Every edge case and the keys that it adds or replaces. */
const EDGES = {
  /** A Profile of the user's own: the Kubernetes datastore has no place for it. */
  "user-profile": () => [
    resource({
      kind: "Profile",
      plural: "profiles",
      name: "legacy-profile",
      spec: { ingress: [{ action: "Allow" }], labelsToApply: { legacy: "true" } },
    }),
  ],
  /** A workload endpoint that no pod stands behind. */
  "other-orchestrator": ({ nodes }) => [
    resource({
      kind: "WorkloadEndpoint",
      plural: "workloadendpoints",
      namespace: "openstack",
      name: "compute--1-openstack-instance--1-eth0",
      spec: {
        orchestrator: "openstack",
        node: nodes[0]?.etcdName ?? "",
        workload: "instance-1",
        endpoint: "eth0",
      },
    }),
  ],
  /** A value that is not JSON. */
  "invalid-json": () => [
    { key: `${RESOURCES}/globalnetworksets/broken`, value: '{"kind":"GlobalNetworkSet","spec":' },
  ],
  /** A block that is not JSON, while its affinity and its handle are fine. */
  "corrupt-block": ({ nodes }) => [
    { key: `${IPAM}/assignment/ipv4/block/10.79.255.192-26`, value: "\u0000\u0001garbage" },
    {
      key: `${IPAM}/host/${nodes[0]?.etcdName ?? ""}/ipv4/block/10.79.255.192-26`,
      value: '{"state":"confirmed","deleted":false}',
    },
  ],
  /** JSON that is not a resource of Calico's. */
  "not-calico": () => [{ key: `${RESOURCES}/globalnetworksets/stranger`, value: '["not", "a", "resource"]' }],
  /** Keys under /calico/ that Calico does not know. */
  "unknown-key": () => [{ key: "/calico/custom/setting", value: "on" }],
  /** `default.foo` and `foo`: one name in the Kubernetes datastore. */
  "policy-name-collision": () => [policy("default", "default.foo"), policy("default", "foo", { order: 20 })],
  /** Two handles whose ids differ in nothing but case. */
  "handle-case-collision": () => [handle("k8s-pod-network.ABCDEF"), handle("k8s-pod-network.abcdef")],
  /** A node that does not say which Kubernetes node it is. */
  "unmapped-node": () => [node("bare-metal-1", [])],
  /** A node whose Kubernetes node does not exist. */
  "missing-node": () => [node("gone-1", [{ nodeName: "gone-1.example.internal", orchestrator: "k8s" }])],
  /** Two nodes that claim to be the same Kubernetes node. */
  "node-clash": ({ nodes }) => [
    node("reinstalled-1", [{ nodeName: nodes[0]?.kubernetesName ?? "", orchestrator: "k8s" }]),
  ],
  /** A policy in a namespace that Kubernetes does not have. */
  "missing-namespace": () => [policy("deleted-namespace", "left-behind")],
  /** A policy in a tier that does not exist. */
  "missing-tier": () => [policy("default", "nowhere.policy", { tier: "nowhere" })],
  /** A BGP peer that names a filter that does not exist. */
  "missing-filter": () => [
    resource({
      kind: "BGPPeer",
      plural: "bgppeers",
      name: "peer-without-filter",
      spec: { peerIP: "172.21.0.1", asNumber: 64999, filters: ["no-such-filter"] },
    }),
  ],
  /** A name that Kubernetes refuses. */
  "invalid-name": () => [globalSet("Upper_Case")],
  /** An enumerated field with a value that the CRD's schema refuses. */
  "invalid-spec": () => [policy("default", "odd-action", { ingress: [{ action: "Maybe" }] })],
  /** A field that the CRD's schema does not know, so that the API server would drop it. */
  "unknown-field": () => [policy("default", "future", { fromTheFuture: { yes: true } })],
  /** Configuration that calicoctl's import refuses although Calico accepts it. */
  "sync-labels-disabled": () => [
    resource({
      kind: "KubeControllersConfiguration",
      plural: "kubecontrollersconfigurations",
      name: "default",
      spec: { controllers: { node: { syncLabels: "Disabled" } } },
    }),
  ],
  /** An affinity as old versions wrote it: an empty value. */
  "empty-affinity": ({ nodes }) => [
    { key: `${IPAM}/host/${nodes[0]?.etcdName ?? ""}/ipv4/block/10.79.255.128-26`, value: "" },
  ],
  /** An annotation that holds the line by which calicoctl separates the parts of its export. */
  "separator-annotation": () => [globalSet("separator", { annotations: { note: "before\n===\nafter" } })],
  /** Labels and annotations of every sort, also such as only the metadata annotation can hold. */
  "rich-metadata": () => [
    globalSet("rich-metadata", {
      labels: { "projectcalico.org/owner": "team", plain: "label" },
      annotations: {
        "operator.tigera.io/x": "1",
        "example.com/long": "é".repeat(2_000),
        plain: "annotation",
      },
    }),
  ],
  /** A policy of about 900 KB. */
  "huge-policy": () => [
    policy("default", "huge", {
      ingress: Array.from(range(200), (rule) => ({
        action: "Allow",
        source: { nets: Array.from(range(250), (net) => `10.${rule}.${net}.0/24`) },
        destination: {},
      })),
    }),
  ],
} satisfies Record<string, (plan: SeedPlan) => SeedEntry[]>;

/** The name of an edge case. */
export type EdgeCase = keyof typeof EDGES;

/** All edge cases. */
export const EDGE_CASES = Object.keys(EDGES) as readonly EdgeCase[];

/** The keys that an edge case adds or replaces. */
export function edgeEntries(edge: EdgeCase, plan: SeedPlan): SeedEntry[] {
  return EDGES[edge](plan);
}
