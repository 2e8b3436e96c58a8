import { range } from "../../harness/seed/entries.ts";
import { IPAM_FIXED } from "../../harness/seed/ipam.ts";
import { NETWORK_FIXED } from "../../harness/seed/network.ts";
import { planSeed, type SeedPlan } from "../../harness/seed/plan.ts";
import { TIER_COUNT } from "../../harness/seed/policies.ts";

/** The smallest bed in which every kind occurs. */
const SMALLEST = 100;

/**
 * Deals `resources` out to the kinds as clusters with an aggregated API server were measured: a tenth global policies, a
 * quarter policies, a quarter handles… Nodes are named as those of a local cluster. The sum is exact from 100 on.
 */
export function planNative(resources: number): SeedPlan {
  const total = Math.max(resources, SMALLEST);
  const { namespaces, nodes, ...few } = planSeed({ resources: total });
  const share = (fraction: number) => Math.max(1, Math.round(total * fraction));
  const blocks = Math.max(6, share(0.06));
  const nodeConfigurations = Math.min(few.nodeConfigurations, 5);
  const growing = {
    blocks,
    handles: Math.max(24, share(0.24)),
    globalPolicies: share(0.1),
    stagedGlobalPolicies: share(0.015),
    stagedPolicies: share(0.02),
    stagedKubernetesPolicies: share(0.015),
    networkSets: share(0.1),
    globalNetworkSets: share(0.05),
    hostEndpoints: share(0.05),
    peers: few.peers,
    nodeConfigurations,
    nodeStatuses: Math.min(few.nodeStatuses, 5),
    pools: few.pools,
  };
  const dealt = Object.values(growing).reduce((sum, count) => sum + count, 0);
  const fixed = NETWORK_FIXED + TIER_COUNT + IPAM_FIXED;
  // All blocks but one have an affinity, and a node's configuration is one of Felix and one of BGP.
  const networkPolicies = Math.max(1, total - fixed - dealt - (blocks - 1) - nodeConfigurations);
  return {
    ...growing,
    networkPolicies,
    blocksV6: Math.max(1, Math.round(blocks / 8)),
    resources: total,
    namespaces,
    nodes: Array.from(range(nodes.length), (index) => ({
      index,
      etcdName: `node-${index}`,
      kubernetesName: `node-${index}`,
    })),
  };
}
