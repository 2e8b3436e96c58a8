import { parseExactJson } from "../../../exact-json.ts";
import type { JsonObject } from "../../../json.ts";
import { v1Object } from "./v1-objects.ts";

/** One v1 object with the native object that it becomes. */
export interface NativeSample {
  readonly v1: JsonObject;
  /** Where the object belongs: `plural/name` or `plural/namespace/name`. */
  readonly path: string;
  readonly kind: string;
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
  readonly status?: JsonObject;
}

interface Expected {
  readonly kind?: string;
  readonly name?: string;
  readonly spec?: JsonObject;
  readonly status?: JsonObject;
  readonly metadata?: JsonObject;
}

function sample(
  kind: string,
  plural: string,
  path: string,
  spec: JsonObject,
  change: Expected = {},
): NativeSample {
  const [first = "", second] = path.split("/");
  const namespace = second === undefined ? undefined : first;
  const name = change.name ?? second ?? first;
  const v1 = v1Object(kind, path, spec);
  return {
    v1: change.status === undefined ? v1 : { ...v1, status: change.status },
    path: [plural, ...(namespace === undefined ? [] : [namespace]), name].join("/"),
    kind: change.kind ?? kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...change.metadata },
    spec: change.spec ?? spec,
    ...(change.status === undefined ? {} : { status: change.status }),
  };
}

const RULE = { action: "Allow", source: { selector: "role == 'web'" }, protocol: "TCP" };
const tierLabel = (tier: string): JsonObject => ({ labels: { "projectcalico.org/tier": tier } });

const BLOCK = parseExactJson(
  `{"cidr":"10.64.0.0/30","affinity":"host:node-a","affinityClaimTime":"2025-01-02T03:04:05Z",` +
    `"allocations":[0,null,1,null],"unallocated":[1,3],` +
    `"attributes":[{"handle_id":"K8s-Pod.AB","secondary":{"node":"node-a"},"alternateOwnerAttrs":{"pod":"web"}},` +
    `{"releasedAt":"2025-02-03T04:05:06Z"}],` +
    `"sequenceNumber":1732178291123456789,"sequenceNumberForAllocation":{"0":1732178291123456788},` +
    `"deleted":false,"strictAffinity":false}`,
) as JsonObject;

/** A sample of every kind that is converted. */
export const NATIVE_SAMPLES: readonly NativeSample[] = [
  sample(
    "Tier",
    "tiers",
    "secure",
    { order: 100 },
    {
      spec: { order: 100, defaultAction: "Deny" },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    },
  ),
  sample(
    "IPPool",
    "ippools",
    "v4",
    { cidr: "10.64.0.0/16", blockSize: 26, natOutgoing: true },
    {
      status: { conditions: [{ type: "Allocatable", status: "True" }] },
    },
  ),
  sample("BGPFilter", "bgpfilters", "no-default", {
    importV4: [{ action: "Reject", cidr: "0.0.0.0/0", matchOperator: "Equal" }],
  }),
  sample("BGPConfiguration", "bgpconfigurations", "default", {
    asNumber: 64512,
    nodeToNodeMeshEnabled: false,
  }),
  sample("FelixConfiguration", "felixconfigurations", "node.node-a", {
    failsafeInboundHostPorts: [],
    iptablesFilterDenyAction: "reject",
  }),
  sample(
    "KubeControllersConfiguration",
    "kubecontrollersconfigurations",
    "default",
    { controllers: { policy: {} } },
    { status: { runningConfig: { controllers: {} } } },
  ),
  sample("IPReservation", "ipreservations", "gateways", { reservedCIDRs: ["10.64.0.1/32"] }),
  sample("GlobalNetworkSet", "globalnetworksets", "office", { nets: ["198.51.100.0/24"] }),
  sample("NetworkSet", "networksets", "shop/partners", { nets: [] }),
  sample(
    "GlobalNetworkPolicy",
    "globalnetworkpolicies",
    "default.dns",
    { egress: [RULE] },
    {
      name: "dns",
      metadata: tierLabel("default"),
      spec: { egress: [RULE], types: ["Ingress", "Egress"], tier: "default" },
    },
  ),
  sample(
    "NetworkPolicy",
    "networkpolicies",
    "shop/secure.web",
    { tier: "secure", ingress: [RULE], egress: [RULE] },
    {
      metadata: tierLabel("secure"),
      spec: { tier: "secure", ingress: [RULE], egress: [RULE], types: ["Ingress", "Egress"] },
    },
  ),
  sample(
    "StagedGlobalNetworkPolicy",
    "stagedglobalnetworkpolicies",
    "try",
    { stagedAction: "Set" },
    {
      metadata: tierLabel("default"),
      spec: { stagedAction: "Set", types: ["Ingress"], tier: "default" },
    },
  ),
  sample(
    "StagedNetworkPolicy",
    "stagednetworkpolicies",
    "shop/default.try",
    { types: ["Egress"] },
    {
      name: "try",
      metadata: tierLabel("default"),
      spec: { types: ["Egress"], tier: "default" },
    },
  ),
  sample(
    "StagedKubernetesNetworkPolicy",
    "stagedkubernetesnetworkpolicies",
    "shop/default.k",
    { podSelector: {}, egress: [{}] },
    {
      spec: { podSelector: {}, egress: [{}], policyTypes: ["Ingress", "Egress"] },
    },
  ),
  sample("BGPPeer", "bgppeers", "rack", { node: "node-a", peerIP: "192.0.2.1", filters: ["no-default"] }),
  sample("HostEndpoint", "hostendpoints", "node-a-eth0", { node: "node-a", interfaceName: "eth0" }),
  sample(
    "IPAMConfig",
    "ipamconfigurations",
    "default",
    { maxBlocksPerHost: 4, strictAffinity: true },
    {
      kind: "IPAMConfiguration",
      spec: { maxBlocksPerHost: 4, strictAffinity: true, autoAllocateBlocks: false },
    },
  ),
  sample("IPAMBlock", "ipamblocks", "10-64-0-0-30", BLOCK),
  sample(
    "BlockAffinity",
    "blockaffinities",
    "node-a-10-64-0-0-30",
    { cidr: "10.64.0.0/30", deleted: "false", node: "node-a", state: "confirmed", type: "host" },
    { spec: { cidr: "10.64.0.0/30", deleted: false, node: "node-a", state: "confirmed", type: "host" } },
  ),
  sample(
    "IPAMHandle",
    "ipamhandles",
    "k8s-pod.ab",
    { block: { "10.64.0.0/30": 1 }, handleID: "K8s-Pod.AB" },
    {
      spec: { block: { "10.64.0.0/30": 1 }, deleted: false, handleID: "K8s-Pod.AB" },
    },
  ),
  sample(
    "CalicoNodeStatus",
    "caliconodestatuses",
    "watch-a",
    { node: "node-a", classes: ["BGP"], updatePeriodSeconds: 0 },
    {
      status: { lastUpdated: "2025-01-02T03:04:05Z" },
    },
  ),
];
