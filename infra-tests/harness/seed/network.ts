import type { JsonObject } from "../../../shared/json.ts";
import { range, resource, type SeedEntry } from "./entries.ts";
import { tunnelAddress, tunnelOf } from "./ipam.ts";
import type { SeedNode, SeedPlan } from "./plan.ts";
import { publicKey, Random } from "./random.ts";

// Everything about nodes, routing and global configuration.

/** Options that change what is configured. */
export interface NetworkOptions {
  /** False leaves BGP peers without filters, because calicoctl cannot import peers that name some. */
  peerFilters: boolean;
}

/** Nodes, pools, BGP, and the configuration of Calico's components. */
export function* networkEntries(plan: SeedPlan, options: NetworkOptions): Generator<SeedEntry> {
  yield* configuration();
  for (const index of range(plan.pools)) yield pool(index);
  for (const index of range(3)) yield bgpFilter(index);
  for (const node of plan.nodes) yield nodeEntry(node);
  for (const index of range(plan.peers)) yield bgpPeer(index, plan, options);
  for (const node of plan.nodes.slice(0, plan.nodeConfigurations)) yield* nodeConfiguration(node);
  for (const node of plan.nodes.slice(0, plan.nodeStatuses)) yield nodeStatus(node);
  for (const index of range(plan.hostEndpoints)) yield hostEndpoint(index, plan);
}

/** How many resources {@link configuration} and the BGP filters come to. */
export const NETWORK_FIXED = 9;

function* configuration(): Generator<SeedEntry> {
  yield resource({
    kind: "ClusterInformation",
    plural: "clusterinformations",
    name: "default",
    spec: {
      clusterGUID: new Random("cluster").hex(32),
      clusterType: "k8s,bgp",
      calicoVersion: "v3.32.1",
      datastoreReady: true,
    },
  });
  yield resource({
    kind: "FelixConfiguration",
    plural: "felixconfigurations",
    name: "default",
    annotations: { "example.com/owner": "network team" },
    spec: {
      logSeverityScreen: "Info",
      reportingInterval: "0s",
      defaultEndpointToHostAction: "ACCEPT",
      iptablesFilterAllowAction: "accept",
      wireguardEnabled: true,
      failsafeInboundHostPorts: [{ protocol: "tcp", port: 22 }, { port: 68 }],
      bpfLogFilters: { all: "tcp" },
    },
  });
  yield resource({
    kind: "BGPConfiguration",
    plural: "bgpconfigurations",
    name: "default",
    spec: {
      asNumber: 64512,
      nodeToNodeMeshEnabled: true,
      serviceClusterIPs: [{ cidr: "10.96.0.0/16" }],
      communities: [{ name: "internal", value: "64512:100" }],
      prefixAdvertisements: [{ cidr: "10.64.0.0/12", communities: ["internal"] }],
    },
  });
  yield resource({
    kind: "KubeControllersConfiguration",
    plural: "kubecontrollersconfigurations",
    name: "default",
    spec: {
      logSeverityScreen: "Info",
      healthChecks: "Enabled",
      etcdV3CompactionPeriod: "10m0s",
      controllers: {
        node: { reconcilerPeriod: "5m0s", syncLabels: "Enabled", hostEndpoint: { autoCreate: "Disabled" } },
        policy: { reconcilerPeriod: "5m0s" },
        workloadEndpoint: { reconcilerPeriod: "5m0s" },
        namespace: { reconcilerPeriod: "5m0s" },
        serviceAccount: { reconcilerPeriod: "5m0s" },
      },
    },
  });
  for (const [index, cidr] of ["10.64.0.0/29", "10.64.255.240/28"].entries()) {
    yield resource({
      kind: "IPReservation",
      plural: "ipreservations",
      name: `reserved-${index}`,
      labels: { purpose: "appliances" },
      spec: { reservedCIDRs: [cidr] },
    });
  }
}

/** The pool of IPAM's IPv4 blocks is the first one, of IPv6 the second, of load balancers the third. */
function pool(index: number): SeedEntry {
  const common = { nodeSelector: "all()", assignmentMode: "Automatic", allowedUses: ["Workload", "Tunnel"] };
  const tunnels = { ipipMode: "Never", vxlanMode: "CrossSubnet" };
  const first: readonly [string, JsonObject][] = [
    [
      "default-ipv4-ippool",
      { cidr: "10.64.0.0/12", blockSize: 26, natOutgoing: true, ...tunnels, ...common },
    ],
    [
      "default-ipv6-ippool",
      { cidr: "fd00:64::/48", blockSize: 122, ipipMode: "Never", vxlanMode: "Never", ...common },
    ],
    [
      "load-balancers",
      {
        cidr: "192.0.2.0/24",
        blockSize: 26,
        nodeSelector: "all()",
        assignmentMode: "Automatic",
        allowedUses: ["LoadBalancer"],
        ipipMode: "Never",
        vxlanMode: "Never",
      },
    ],
  ];
  const [name, spec] = first[index] ?? [
    `rack-${index}`,
    {
      ...common,
      cidr: `10.${100 + index}.0.0/16`,
      blockSize: 26,
      disabled: index % 5 === 0,
      ipipMode: "Always",
      vxlanMode: "Never",
      nodeSelector: `rack == "${index}"`,
    },
  ];
  return resource({ kind: "IPPool", plural: "ippools", name, spec });
}

function bgpFilter(index: number): SeedEntry {
  return resource({
    kind: "BGPFilter",
    plural: "bgpfilters",
    name: `filter-${index}`,
    spec: {
      exportV4: [
        { action: "Accept", matchOperator: "In", cidr: "10.64.0.0/12" },
        { action: "Reject", source: "RemotePeers" },
      ],
      importV4: [{ action: "Reject", matchOperator: "In", cidr: `10.${200 + index}.0.0/16` }],
      exportV6: [{ action: "Accept", matchOperator: "In", cidr: "fd00:64::/48" }],
    },
  });
}

function nodeEntry({ index, etcdName, kubernetesName }: SeedNode): SeedEntry {
  const tunnel = tunnelOf(index);
  const [high, low] = [Math.floor(index / 250), (index % 250) + 1];
  const kubernetesLabels = { "kubernetes.io/hostname": kubernetesName, rack: String(index % 8) };
  const reflector = index % 25 === 0 ? { routeReflectorClusterID: "244.0.0.1", asNumber: 64513 } : {};
  return resource({
    kind: "Node",
    plural: "nodes",
    name: etcdName,
    labels: { ...kubernetesLabels, ...(index % 25 === 0 ? { "route-reflector": "true" } : {}) },
    annotations: { "projectcalico.org/kube-labels": JSON.stringify(kubernetesLabels) },
    spec: {
      addresses: [
        { address: `10.0.${high}.${low}/24`, type: "CalicoNodeIP" },
        { address: `10.0.${high}.${low}`, type: "InternalIP" },
      ],
      bgp: {
        ipv4Address: `10.0.${high}.${low}/24`,
        ...(tunnel === "ipip" ? { ipv4IPIPTunnelAddr: tunnelAddress(index) } : {}),
        ...(index % 4 === 0 ? { ipv6Address: `fd00:10::${(index + 1).toString(16)}/64` } : {}),
        ...reflector,
      },
      ...(tunnel === "vxlan"
        ? { ipv4VXLANTunnelAddr: tunnelAddress(index), vxlanTunnelMACAddr: macAddress(index) }
        : {}),
      ...(tunnel === "wireguard" ? { wireguard: { interfaceIPv4Address: tunnelAddress(index) } } : {}),
      ...(index % 5 === 0 ? { interfaces: [{ name: "eth1", addresses: [`172.16.${high}.${low}/24`] }] } : {}),
      orchRefs: [{ nodeName: kubernetesName, orchestrator: "k8s" }],
    },
    status: {
      ...(tunnel === "wireguard" ? { wireguardPublicKey: publicKey("node", index) } : {}),
      podCIDRs: [`10.240.${index % 256}.0/24`],
    },
  });
}

function macAddress(nodeIndex: number): string {
  return `66:${(new Random("mac", nodeIndex).hex(10).match(/../g) ?? []).join(":")}`;
}

function bgpPeer(index: number, { nodes }: SeedPlan, { peerFilters }: NetworkOptions): SeedEntry {
  const node = nodes[(index * 7 + 3) % nodes.length]?.etcdName ?? "";
  const where = index % 3 === 0 ? { nodeSelector: `rack == "${index % 8}"` } : { node };
  return resource({
    kind: "BGPPeer",
    plural: "bgppeers",
    name: `peer-${String(index).padStart(3, "0")}`,
    spec: {
      ...where,
      peerIP: `172.20.${Math.floor(index / 250)}.${(index % 250) + 1}`,
      asNumber: 65000 + index,
      ...(peerFilters ? { filters: [`filter-${index % 3}`] } : {}),
      ...(index % 4 === 0 ? { password: { secretKeyRef: { name: "bgp", key: `peer-${index}` } } } : {}),
    },
  });
}

function* nodeConfiguration({ etcdName, index }: SeedNode): Generator<SeedEntry> {
  const name = `node.${etcdName}`;
  yield resource({
    kind: "FelixConfiguration",
    plural: "felixconfigurations",
    name,
    spec: { logSeverityScreen: index % 2 === 0 ? "Debug" : "Warning", healthPort: 9099, vxlanMTU: 1410 },
  });
  yield resource({
    kind: "BGPConfiguration",
    plural: "bgpconfigurations",
    name,
    spec: { logSeverityScreen: "Debug" },
  });
}

function nodeStatus({ etcdName }: SeedNode): SeedEntry {
  return resource({
    kind: "CalicoNodeStatus",
    plural: "caliconodestatuses",
    name: `status-${etcdName}`,
    spec: { node: etcdName, classes: ["Agent", "BGP", "Routes"], updatePeriodSeconds: 10 },
    status: { lastUpdated: "2024-03-05T10:00:00Z", agent: { birdV4: { state: "Ready", version: "v0.3.3" } } },
  });
}

function hostEndpoint(index: number, { nodes }: SeedPlan): SeedEntry {
  const node = nodes[index % nodes.length];
  const number = Math.floor(index / nodes.length);
  return resource({
    kind: "HostEndpoint",
    plural: "hostendpoints",
    name: `${node?.etcdName ?? ""}-eth${number}`,
    labels: { "host-endpoint": "true", role: index % 2 === 0 ? "worker" : "ingress" },
    spec: {
      node: node?.etcdName ?? "",
      interfaceName: `eth${number}`,
      expectedIPs: [`10.1.${Math.floor(index / 250) % 250}.${(index % 250) + 1}`],
      ports: [{ name: "ssh", port: 22, protocol: "TCP" }],
      ...(index % 4 === 0 ? { profiles: ["projectcalico-default-allow"] } : {}),
    },
  });
}
