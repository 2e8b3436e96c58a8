import type { JsonObject } from "../../json.ts";
import type { ForwardContext } from "../forwarded.ts";
import { NodeNames } from "../node-names.ts";

/** Nodes as etcd has them: one under another name, one under the same, one unknown to Kubernetes. */
export const NODE_NAMES = NodeNames.from([
  { name: "rack1-a", orchRefs: [{ nodeName: "node-a.example", orchestrator: "k8s" }] },
  { name: "node-b", orchRefs: [{ nodeName: "node-b", orchestrator: "k8s" }] },
  { name: "vm-1", orchRefs: [{ nodeName: "vm", orchestrator: "openstack" }] },
]);

export const V1: ForwardContext = { targetGroup: "crd.projectcalico.org/v1", nodeNames: NODE_NAMES };
export const V3: ForwardContext = { targetGroup: "projectcalico.org/v3", nodeNames: NODE_NAMES };

export const CREATED = "2024-05-06T07:08:09Z";

/** The key of a v3 resource. */
export function resourceKey(plural: string, path: string): string {
  return `/calico/resources/v3/projectcalico.org/${plural}/${path}`;
}

/** A v3 resource as Calico stores it. */
export function resource(
  kind: string,
  path: string,
  spec: JsonObject,
  metadata: JsonObject = {},
): JsonObject {
  const [first = "", second] = path.split("/");
  const names = second === undefined ? { name: first } : { name: second, namespace: first };
  return {
    kind,
    apiVersion: "projectcalico.org/v3",
    metadata: {
      ...names,
      uid: "0c9b4d0e-7a51-4c2f-9d4e-2b1a6f0e8c11",
      creationTimestamp: CREATED,
      ...metadata,
    },
    spec,
  };
}

/** One stored value with what it becomes in crd.projectcalico.org/v1. */
export interface Sample {
  readonly key: string;
  readonly value: JsonObject | string;
  readonly kind: string;
  readonly rank: number;
  /** Of the object: metadata.name. */
  readonly name: string;
  /** The spec in crd.projectcalico.org/v1. */
  readonly spec: JsonObject;
  /** The labels that the object itself bears in crd.projectcalico.org/v1. */
  readonly labels?: JsonObject;
  /** The metadata annotation of crd.projectcalico.org/v1, parsed. */
  readonly stored: JsonObject;
}

const RULE = { action: "Allow", source: { selector: "role == 'web'" }, protocol: "TCP" };
const BLOCK_SEQUENCE = "1732178291123456789";

export const AFFINITY_LABELS = {
  "projectcalico.org/affinity-type": "host",
  "projectcalico.org/hostname-hash": "LGKPWLDPBZRW63PBSUJPYEVAVCJGZ34PVFPAXR23TRJBO7OHYX3A",
  "projectcalico.org/ip-version": "4",
};

const VIRTUAL_LABELS = {
  "projectcalico.org/affinity-type": "virtual",
  "projectcalico.org/hostname-hash": "GLORJLNKLLDACUM3LPM2UVYPTEDMDN5IVURQS6FZSISEXL7EBDQA",
  "projectcalico.org/ip-version": "6",
};

function simple(kind: string, plural: string, name: string, spec: JsonObject, rank = 1): Sample {
  const key = resourceKey(plural, name);
  const value = resource(kind, name, spec);
  return {
    key,
    value,
    kind,
    rank,
    name: name.split("/").at(-1) ?? "",
    spec,
    stored: { creationTimestamp: CREATED },
  };
}

/** A sample of every kind that becomes a custom resource. */
export const SAMPLES: readonly Sample[] = [
  {
    ...simple("ClusterInformation", "clusterinformations", "default", {
      clusterGUID: "5f1c",
      clusterType: "k8s,bgp",
      calicoVersion: "v3.32.1",
      datastoreReady: true,
    }),
    rank: 0,
    spec: {
      clusterGUID: "5f1c",
      clusterType: "k8s,bgp,kdd",
      calicoVersion: "v3.32.1",
      datastoreReady: false,
    },
  },
  { ...simple("Tier", "tiers", "secure", {}), spec: { order: 1_000_000, defaultAction: "Deny" } },
  {
    ...simple("IPPool", "ippools", "v6", { cidr: "FD00:0:0::/48", blockSize: 0 }),
    spec: {
      cidr: "fd00::/48",
      blockSize: 122,
      nodeSelector: "all()",
      ipipMode: "Never",
      vxlanMode: "Never",
      allowedUses: ["Workload", "Tunnel"],
      assignmentMode: "Automatic",
    },
  },
  simple("BGPFilter", "bgpfilters", "no-default", {
    importV4: [{ action: "Reject", cidr: "0.0.0.0/0", matchOperator: "Equal" }],
  }),
  simple("BGPConfiguration", "bgpconfigurations", "default", {
    asNumber: 64512,
    nodeToNodeMeshEnabled: false,
  }),
  {
    ...simple("BGPConfiguration", "bgpconfigurations", "node.rack1-a", { listenPort: 1179 }),
    name: "node.node-a.example",
  },
  {
    ...simple("FelixConfiguration", "felixconfigurations", "node.rack1-a", {
      defaultEndpointToHostAction: "ACCEPT",
      iptablesFilterDenyAction: "reject",
    }),
    name: "node.node-a.example",
    spec: { defaultEndpointToHostAction: "Accept", iptablesFilterDenyAction: "Reject" },
  },
  simple("KubeControllersConfiguration", "kubecontrollersconfigurations", "default", {
    controllers: { node: { syncLabels: "Disabled" } },
  }),
  simple("IPReservation", "ipreservations", "gateways", { reservedCIDRs: ["10.64.0.1/32"] }),
  simple("GlobalNetworkSet", "globalnetworksets", "office", { nets: ["198.51.100.0/24"] }),
  simple("NetworkSet", "networksets", "shop/partners", { nets: ["203.0.113.0/24"] }),
  {
    ...simple("CalicoNodeStatus", "caliconodestatuses", "watch-a", { node: "rack1-a", classes: ["BGP"] }),
    spec: { node: "node-a.example", classes: ["BGP"] },
  },
  {
    key: resourceKey("globalnetworkpolicies", "default.allow-dns"),
    value: resource("GlobalNetworkPolicy", "default.allow-dns", { egress: [RULE], selector: "all()" }),
    kind: "GlobalNetworkPolicy",
    rank: 2,
    name: "allow-dns",
    spec: { egress: [RULE], selector: "all()", types: ["Ingress", "Egress"] },
    labels: { "projectcalico.org/tier": "default" },
    stored: {
      name: "allow-dns",
      creationTimestamp: CREATED,
      labels: { "projectcalico.org/tier": "default" },
    },
  },
  {
    key: resourceKey("networkpolicies", "shop/secure.web"),
    value: resource(
      "NetworkPolicy",
      "shop/secure.web",
      { tier: "secure", ingress: [RULE], egress: [RULE] },
      { labels: { team: "web" }, annotations: { "example.com/owner": "shop" } },
    ),
    kind: "NetworkPolicy",
    rank: 2,
    name: "secure.web",
    spec: { tier: "secure", ingress: [RULE], egress: [RULE], types: ["Ingress", "Egress"] },
    labels: { "projectcalico.org/tier": "secure" },
    stored: {
      name: "secure.web",
      creationTimestamp: CREATED,
      labels: { "projectcalico.org/tier": "secure", team: "web" },
      annotations: { "example.com/owner": "shop" },
    },
  },
  {
    key: resourceKey("stagedglobalnetworkpolicies", "default.try"),
    value: resource("StagedGlobalNetworkPolicy", "default.try", { tier: "default", stagedAction: "Set" }),
    kind: "StagedGlobalNetworkPolicy",
    rank: 2,
    name: "try",
    spec: { tier: "default", stagedAction: "Set", types: ["Ingress"] },
    labels: { "projectcalico.org/tier": "default" },
    stored: { name: "try", creationTimestamp: CREATED, labels: { "projectcalico.org/tier": "default" } },
  },
  {
    key: resourceKey("stagednetworkpolicies", "shop/try"),
    value: resource("StagedNetworkPolicy", "shop/try", { types: ["Egress"] }),
    kind: "StagedNetworkPolicy",
    rank: 2,
    name: "try",
    spec: { types: ["Egress"] },
    labels: { "projectcalico.org/tier": "default" },
    stored: { name: "try", creationTimestamp: CREATED, labels: { "projectcalico.org/tier": "default" } },
  },
  simple(
    "StagedKubernetesNetworkPolicy",
    "stagedkubernetesnetworkpolicies",
    "shop/default.k",
    { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"] },
    2,
  ),
  {
    ...simple(
      "BGPPeer",
      "bgppeers",
      "rack",
      { node: "rack1-a", peerIP: "192.0.2.1", filters: ["no-default"] },
      2,
    ),
    spec: { node: "node-a.example", peerIP: "192.0.2.1", filters: ["no-default"] },
  },
  {
    ...simple("HostEndpoint", "hostendpoints", "rack1-a-eth0", { node: "rack1-a", interfaceName: "eth0" }, 2),
    spec: { node: "node-a.example", interfaceName: "eth0" },
  },
  {
    key: "/calico/ipam/v2/config",
    value: { auto_allocate_blocks: true, maxBlocksPerHost: 4, ipCooldownSeconds: 0 },
    kind: "IPAMConfig",
    rank: 3,
    name: "default",
    spec: { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 4 },
    stored: {},
  },
  {
    key: "/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-30",
    value:
      `{"cidr":"10.64.0.0/30","affinity":"host:rack1-a","affinity_claim_time":"${CREATED}",` +
      `"allocations":[0,null,1,null],"unallocated":[1,3],` +
      `"attributes":[{"handle_id":"vxlan-v6-tunnel-addr-rack1-a","secondary":{"node":"rack1-a","type":"vxlanV6TunnelAddress"}},` +
      `{"handle_id":"k8s-pod-network.ab","secondary":{"node":"node-b","pod":"web"},"alternateOwnerAttrs":{"node":"rack1-a"}}],` +
      `"sequenceNumber":${BLOCK_SEQUENCE},"sequenceNumberForAllocation":{"0":5},"deleted":false,"hostAffinity":"rack1-a"}`,
    kind: "IPAMBlock",
    rank: 3,
    name: "10-64-0-0-30",
    spec: {
      affinity: "host:node-a.example",
      affinityClaimTime: CREATED,
      allocations: [0, null, 1, null],
      attributes: [
        {
          handle_id: "vxlan-v6-tunnel-addr-node-a.example",
          secondary: { node: "node-a.example", type: "vxlanV6TunnelAddress" },
        },
        {
          handle_id: "k8s-pod-network.ab",
          secondary: { node: "node-b", pod: "web" },
          alternateOwnerAttrs: { node: "node-a.example" },
        },
      ],
      cidr: "10.64.0.0/30",
      deleted: false,
      sequenceNumber: Number(BLOCK_SEQUENCE),
      sequenceNumberForAllocation: { "0": 5 },
      strictAffinity: false,
      unallocated: [1, 3],
    },
    stored: {},
  },
  {
    key: "/calico/ipam/v2/host/rack1-a/ipv4/block/10.64.0.0-30",
    value: { state: "confirmed", deleted: false },
    kind: "BlockAffinity",
    rank: 3,
    name: "node-a.example-10-64-0-0-30",
    spec: {
      cidr: "10.64.0.0/30",
      deleted: "false",
      node: "node-a.example",
      state: "confirmed",
      type: "host",
    },
    labels: AFFINITY_LABELS,
    stored: { labels: AFFINITY_LABELS },
  },
  {
    key: "/calico/ipam/v2/virtual/rack1-a/ipv6/block/fd00:2::-122",
    value: "",
    kind: "BlockAffinity",
    rank: 3,
    name: "rack1-a-fd00-2---122",
    spec: { cidr: "fd00:2::/122", deleted: "false", node: "rack1-a", state: "", type: "virtual" },
    labels: VIRTUAL_LABELS,
    stored: { labels: VIRTUAL_LABELS },
  },
  {
    key: "/calico/ipam/v2/handle/wireguard-v6-tunnel-addr-rack1-a",
    value: { block: { "fd00:2::/122": 1 }, deleted: false },
    kind: "IPAMHandle",
    rank: 3,
    name: "wireguard-v6-tunnel-addr-node-a.example",
    spec: {
      block: { "fd00:2::/122": 1 },
      deleted: false,
      handleID: "wireguard-v6-tunnel-addr-node-a.example",
    },
    stored: {},
  },
  {
    key: "/calico/ipam/v2/handle/MyHandle-ABC",
    value: { block: {}, deleted: true },
    kind: "IPAMHandle",
    rank: 3,
    name: "myhandle-abc",
    spec: { block: {}, deleted: true, handleID: "MyHandle-ABC" },
    stored: {},
  },
];

/** The stored text of a sample. */
export function storedText({ value }: Sample): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A Node of etcd with everything that a Node can hold. */
export const FULL_NODE: JsonObject = {
  kind: "Node",
  apiVersion: "projectcalico.org/v3",
  metadata: {
    name: "rack1-a",
    uid: "1a2b3c4d-7a51-4c2f-9d4e-2b1a6f0e8c11",
    creationTimestamp: CREATED,
    labels: { zone: "z1", "kubernetes.io/hostname": "a", rr: "yes" },
    annotations: {
      "projectcalico.org/kube-labels": '{"kubernetes.io/hostname":"a"}',
      "example.com/rack": "1",
    },
  },
  spec: {
    bgp: {
      asNumber: "1.10",
      ipv4Address: "192.0.2.10/24",
      ipv6Address: "2001:db8::10/64",
      ipv4IPIPTunnelAddr: "10.64.0.1",
      routeReflectorClusterID: "244.0.0.1",
    },
    ipv4VXLANTunnelAddr: "10.64.0.2",
    vxlanTunnelMACAddr: "66:2d:bb:c9:75:a3",
    ipv6VXLANTunnelAddr: "fd00:2::2",
    vxlanTunnelMACAddrV6: "66:2d:bb:c9:75:a4",
    wireguard: { interfaceIPv4Address: "10.64.0.3", interfaceIPv6Address: "fd00:2::3" },
    orchRefs: [{ nodeName: "node-a.example", orchestrator: "k8s" }],
    addresses: [{ address: "192.0.2.10", type: "InternalIP" }],
    interfaces: [{ name: "eth0", addresses: ["192.0.2.10"] }],
  },
  status: { wireguardPublicKey: "pk4", wireguardPublicKeyV6: "pk6", podCIDRs: ["10.64.1.0/24"] },
};

/** The annotations of the core Node that FULL_NODE becomes. */
export const FULL_NODE_ANNOTATIONS: JsonObject = {
  "projectcalico.org/ASNumber": "65546",
  "projectcalico.org/IPv4Address": "192.0.2.10/24",
  "projectcalico.org/IPv4IPIPTunnelAddr": "10.64.0.1",
  "projectcalico.org/IPv4VXLANTunnelAddr": "10.64.0.2",
  "projectcalico.org/IPv4WireguardInterfaceAddr": "10.64.0.3",
  "projectcalico.org/IPv6Address": "2001:db8::10/64",
  "projectcalico.org/IPv6VXLANTunnelAddr": "fd00:2::2",
  "projectcalico.org/IPv6WireguardInterfaceAddr": "fd00:2::3",
  "projectcalico.org/Interfaces": '[{"name":"eth0","addresses":["192.0.2.10"]}]',
  "projectcalico.org/RouteReflectorClusterID": "244.0.0.1",
  "projectcalico.org/VXLANTunnelMACAddr": "66:2d:bb:c9:75:a3",
  "projectcalico.org/VXLANTunnelMACAddrV6": "66:2d:bb:c9:75:a4",
  "projectcalico.org/WireguardPublicKey": "pk4",
  "projectcalico.org/WireguardPublicKeyV6": "pk6",
  "projectcalico.org/annotations": '{"example.com/rack":"1"}',
  "projectcalico.org/labels": '{"rr":"yes","zone":"z1"}',
};
