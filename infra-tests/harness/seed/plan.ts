import { range } from "./entries.ts";
import { IPAM_FIXED } from "./ipam.ts";
import { NETWORK_FIXED } from "./network.ts";
import { TIER_COUNT } from "./policies.ts";

/** How large a seeded datastore is to be. */
export interface SeedSize {
  /** How many resources the migration has to carry, all kinds together, nodes and IPAM included. */
  resources: number;
  /** Default: one per hundred resources, from 4 to 200. */
  namespaces?: number;
  /** Default: one per forty resources, from 4 to 1,000. */
  nodes?: number;
}

/** A node of the made-up cluster, under its name in etcd and its name in Kubernetes. */
export interface SeedNode {
  index: number;
  etcdName: string;
  kubernetesName: string;
}

/** How many there are of everything whose number grows with the datastore. */
export interface SeedPlan {
  /** The sum of all resources that a migration carries. */
  resources: number;
  namespaces: readonly string[];
  nodes: readonly SeedNode[];
  /** Blocks of addresses; each but one has an affinity. */
  blocks: number;
  /** Of the blocks, how many are IPv6. */
  blocksV6: number;
  handles: number;
  globalPolicies: number;
  networkPolicies: number;
  stagedGlobalPolicies: number;
  stagedPolicies: number;
  stagedKubernetesPolicies: number;
  networkSets: number;
  globalNetworkSets: number;
  hostEndpoints: number;
  peers: number;
  nodeConfigurations: number;
  nodeStatuses: number;
  pools: number;
}

/** The smallest seed in which every kind occurs. */
const SMALLEST = 150;

/** Deals `resources` out to the kinds, in proportions as seen in large clusters; the sum is exact from 150 on. */
export function planSeed(size: SeedSize): SeedPlan {
  const total = Math.max(size.resources, SMALLEST);
  const nodes = size.nodes ?? clamp(total / 40, 4, 1_000);
  const open = total - NETWORK_FIXED - TIER_COUNT - IPAM_FIXED - nodes;
  const share = (fraction: number) => Math.max(1, Math.round(open * fraction));
  const blocks = Math.max(6, share(0.1));
  const blocksV6 = Math.max(1, Math.round(blocks / 8));
  const growing = {
    blocks,
    // Every tunnel has a handle, the load balancer has one, and so have some pods.
    handles: Math.max(share(0.14), Math.min(nodes, blocks) + Math.min(nodes, blocksV6) + 10),
    globalPolicies: share(0.07),
    stagedGlobalPolicies: share(0.02),
    stagedPolicies: share(0.03),
    stagedKubernetesPolicies: share(0.02),
    networkSets: share(0.09),
    globalNetworkSets: share(0.04),
    hostEndpoints: share(0.06),
    peers: clamp(total / 300, 3, 50),
    nodeConfigurations: clamp(total / 500, 1, Math.min(20, nodes)),
    nodeStatuses: clamp(total / 400, 1, Math.min(20, nodes)),
    pools: clamp(total / 800, 4, 20),
  };
  // All blocks but one have an affinity, and a node's configuration is one of Felix and one of BGP.
  const dealt = Object.values(growing).reduce((sum, count) => sum + count, 0);
  const networkPolicies = Math.max(1, open - dealt - (blocks - 1) - growing.nodeConfigurations);
  return {
    ...growing,
    blocksV6,
    networkPolicies,
    resources: total - open + dealt + blocks - 1 + growing.nodeConfigurations + networkPolicies,
    namespaces: namespaceNames(size.namespaces ?? clamp(total / 100, 4, 200)),
    nodes: Array.from(range(nodes), seedNode),
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.round(value)));
}

function namespaceNames(count: number): string[] {
  return Array.from(range(count), (index) =>
    index === 0 ? "default" : `team-${String(index).padStart(3, "0")}`,
  );
}

// Every tenth node registered itself under its host name, while Kubernetes knows it by its cloud name.
function seedNode(index: number): SeedNode {
  const etcdName = `node-${String(index).padStart(4, "0")}`;
  const [high, low] = [Math.floor(index / 250), (index % 250) + 1];
  return {
    index,
    etcdName,
    kubernetesName: index % 10 === 3 ? `ip-10-0-${high}-${low}.example.internal` : etcdName,
  };
}
