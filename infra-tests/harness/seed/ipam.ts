import { exactInteger } from "../../../shared/exact-json.ts";
import type { Json, JsonObject } from "../../../shared/json.ts";
import { range, type SeedEntry } from "./entries.ts";
import type { SeedPlan } from "./plan.ts";
import { Random } from "./random.ts";

// IPAM: blocks, the affinities of nodes to them, and the handles of what holds their addresses. They agree with each
// other: what is allocated has a handle, a handle names blocks that hold it, and every node named exists.

const IPAM = "/calico/ipam/v2";
const BLOCK_SIZE = 64;
// One pod in ten has an IPv6 address as well.
const DUAL_STACK_EVERY = 10;

/** How many resources IPAM has whatever the size: its configuration. */
export const IPAM_FIXED = 1;

/** One address in a block and who holds it. */
interface Allocation {
  handle: string;
  attributes: JsonObject;
}

interface Block {
  cidr: string;
  /** `host:node` or `virtual:something`; undefined when nobody claims the block. */
  affinity: string | undefined;
  allocations: Allocation[];
}

/** The numbers of blocks by their use; IPv4 blocks of nodes come first. */
interface Layout {
  plan: SeedPlan;
  v4: number;
  v6: number;
  /** Pods with an address. */
  pods: number;
}

/** All keys of IPAM. */
export function* ipamEntries(plan: SeedPlan): Generator<SeedEntry> {
  const layout = layoutOf(plan);
  yield {
    key: `${IPAM}/config`,
    value: JSON.stringify({ strict_affinity: false, auto_allocate_blocks: true }),
  };
  for (const block of blocks(layout)) {
    yield blockEntry(block);
    if (block.affinity !== undefined) yield affinityEntry(block.cidr, block.affinity);
  }
  yield* handleEntries(layout);
}

/** How many pods have an address; their workload endpoints are named after them. */
export function podCount(plan: SeedPlan): number {
  return layoutOf(plan).pods;
}

/** A pod of the made-up cluster. */
export interface SeedPod {
  namespace: string;
  name: string;
  /** As etcd names it. */
  node: string;
  handle: string;
  address: string;
}

/** The pod of a number below {@link podCount}. */
export function podOf(plan: SeedPlan, index: number): SeedPod {
  const { v4 } = layoutOf(plan);
  const random = new Random("pod", index);
  const owner = plan.nodes[(index % v4) % plan.nodes.length];
  // A few pods borrow an address from another node's block.
  const borrowed = plan.nodes[random.below(plan.nodes.length)];
  return {
    namespace: plan.namespaces[index % plan.namespaces.length] ?? "default",
    name: `app-${random.hex(5)}-${index}`,
    node: (random.chance(0.05) ? borrowed : owner)?.etcdName ?? "",
    handle: `k8s-pod-network.${random.hex(64)}`,
    address: addressV4((index % v4) * BLOCK_SIZE + 1 + Math.floor(index / v4)),
  };
}

/** The IPv4 tunnel address of a node, the first of its first block. */
export function tunnelAddress(nodeIndex: number): string {
  return addressV4(nodeIndex * BLOCK_SIZE);
}

/** Which kind of tunnel a node has. */
export function tunnelOf(nodeIndex: number): "ipip" | "vxlan" | "wireguard" {
  return (["ipip", "vxlan", "wireguard"] as const)[nodeIndex % 3] ?? "vxlan";
}

function layoutOf(plan: SeedPlan): Layout {
  const v6 = plan.blocksV6;
  const v4 = plan.blocks - v6 - 2;
  const tunnels = Math.min(plan.nodes.length, v4) + Math.min(plan.nodes.length, v6);
  return { plan, v4, v6, pods: plan.handles - tunnels - 1 };
}

function* blocks(layout: Layout): Generator<Block> {
  const { v4, v6, plan } = layout;
  const host = (index: number) => `host:${plan.nodes[index % plan.nodes.length]?.etcdName ?? ""}`;
  for (const index of range(v4)) {
    yield { cidr: cidrV4(index), affinity: host(index), allocations: allocationsV4(layout, index) };
  }
  for (const index of range(v6)) {
    yield { cidr: cidrV6(index), affinity: host(index), allocations: allocationsV6(layout, index) };
  }
  yield { cidr: cidrV4(v4), affinity: undefined, allocations: [] };
  yield { cidr: LOAD_BALANCER_CIDR, affinity: "virtual:load-balancer", allocations: [LOAD_BALANCER] };
}

const LOAD_BALANCER_CIDR = "192.0.2.0/26";
const LOAD_BALANCER: Allocation = {
  handle: "lb-3f9c0d1a77be",
  attributes: { namespace: "default", service: "ingress" },
};

function allocationsV4({ plan, v4, pods }: Layout, index: number): Allocation[] {
  const node = plan.nodes[index];
  const tunnel = node === undefined ? [] : [tunnelAllocation(tunnelOf(index), node.etcdName)];
  const held: Allocation[] = [];
  for (let pod = index; pod < pods; pod += v4) held.push(podAllocation(plan, pod));
  return [...tunnel, ...held];
}

function allocationsV6({ plan, v6, pods }: Layout, index: number): Allocation[] {
  const node = plan.nodes[index];
  const tunnel = node === undefined ? [] : [tunnelAllocation(tunnelV6Of(index), node.etcdName)];
  const held: Allocation[] = [];
  for (let pod = index * DUAL_STACK_EVERY; pod < pods; pod += v6 * DUAL_STACK_EVERY) {
    held.push(podAllocation(plan, pod));
  }
  return [...tunnel, ...held];
}

function tunnelV6Of(index: number): "vxlan-v6" | "wireguard-v6" {
  return index % 2 === 0 ? "vxlan-v6" : "wireguard-v6";
}

function tunnelAllocation(tunnel: string, node: string): Allocation {
  const type = `${tunnel.replace("-v6", "V6")}TunnelAddress`;
  return { handle: `${tunnel}-tunnel-addr-${node}`, attributes: { node, type } };
}

function podAllocation(plan: SeedPlan, index: number): Allocation {
  const { namespace, name: pod, node, handle } = podOf(plan, index);
  return { handle, attributes: { namespace, node, pod, timestamp: "2024-05-01 10:00:00 +0000 UTC" } };
}

function blockEntry({ cidr, affinity, allocations }: Block): SeedEntry {
  const ordinals = Array.from(range(BLOCK_SIZE));
  const value: JsonObject = {
    cidr,
    affinity: affinity ?? null,
    ...(affinity === undefined ? {} : { affinity_claim_time: "2024-04-01T09:00:00Z" }),
    allocations: ordinals.map((ordinal) => (ordinal < allocations.length ? ordinal : null)),
    unallocated: ordinals.slice(allocations.length),
    attributes: allocations.map(({ handle, attributes }, index) => ({
      handle_id: handle,
      secondary: attributes,
      // A virtual machine that moves from one node to another has its next owner noted here.
      ...(index % 20 === 7 ? { alternateOwnerAttrs: { node: attributes["node"] ?? "" } } : {}),
    })),
    sequenceNumber: sequenceNumber(allocations.length),
    sequenceNumberForAllocation: Object.fromEntries(
      allocations.map((_, index) => [String(index), sequenceNumber(index)]),
    ),
    deleted: false,
  };
  return { key: `${IPAM}/assignment/${blockPath(cidr)}`, value: JSON.stringify(value) };
}

/** Calico counts in nanoseconds since 1970, beyond what JavaScript's numbers hold. */
function sequenceNumber(step: number): Json {
  return exactInteger(String(1_711_962_000_123_456_789n + BigInt(step)));
}

function affinityEntry(cidr: string, affinity: string): SeedEntry {
  const [type = "", owner = ""] = affinity.split(":");
  return {
    key: `${IPAM}/${type}/${owner}/${blockPath(cidr)}`,
    value: JSON.stringify({ state: "confirmed", deleted: false }),
  };
}

function* handleEntries({ plan, v4, v6, pods }: Layout): Generator<SeedEntry> {
  for (const node of plan.nodes.slice(0, v4)) {
    yield handleEntry(`${tunnelOf(node.index)}-tunnel-addr-${node.etcdName}`, [cidrV4(node.index)]);
  }
  for (const node of plan.nodes.slice(0, v6)) {
    yield handleEntry(`${tunnelV6Of(node.index)}-tunnel-addr-${node.etcdName}`, [cidrV6(node.index)]);
  }
  for (const index of range(pods)) {
    const dual = index % DUAL_STACK_EVERY === 0 ? [cidrV6((index / DUAL_STACK_EVERY) % v6)] : [];
    yield handleEntry(podOf(plan, index).handle, [cidrV4(index % v4), ...dual]);
  }
  yield handleEntry(LOAD_BALANCER.handle, [LOAD_BALANCER_CIDR]);
}

function handleEntry(id: string, cidrs: readonly string[]): SeedEntry {
  const block = Object.fromEntries(cidrs.map((cidr) => [cidr, 1]));
  return { key: `${IPAM}/handle/${id}`, value: JSON.stringify({ block, deleted: false }) };
}

function blockPath(cidr: string): string {
  return `ipv${cidr.includes(":") ? "6" : "4"}/block/${cidr.replace("/", "-")}`;
}

function addressV4(offset: number): string {
  return `10.${64 + (offset >>> 16)}.${(offset >>> 8) & 255}.${offset & 255}`;
}

function cidrV4(index: number): string {
  return `${addressV4(index * BLOCK_SIZE)}/26`;
}

function cidrV6(index: number): string {
  const [high, low] = [(index * BLOCK_SIZE) >>> 16, (index * BLOCK_SIZE) & 0xffff];
  const tail = high > 0 ? `${high.toString(16)}:${low.toString(16)}` : low > 0 ? low.toString(16) : "";
  return `fd00:64::${tail}/122`;
}
