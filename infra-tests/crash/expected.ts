import type { TargetGroup } from "../../shared/calico/kinds.ts";
import { mustRequest, type TestApi } from "../harness/api.ts";
import type { CalicoSeed } from "../harness/seed.ts";

const RESOURCES = "/calico/resources/v3/projectcalico.org";

/** Where etcd keeps each kind, and under which plural Kubernetes does: written down here, not taken from the product. */
const PLACES: readonly { etcd: RegExp; plural: string; v3?: string }[] = [
  ...[
    "bgpconfigurations",
    "bgpfilters",
    "bgppeers",
    "caliconodestatuses",
    "felixconfigurations",
    "globalnetworkpolicies",
    "globalnetworksets",
    "hostendpoints",
    "ippools",
    "ipreservations",
    "kubecontrollersconfigurations",
    "networksets",
    "stagedglobalnetworkpolicies",
    "stagedkubernetesnetworkpolicies",
    "stagednetworkpolicies",
    "tiers",
  ].map((plural) => ({ etcd: new RegExp(`^${RESOURCES}/${plural}/`), plural })),
  { etcd: new RegExp(`^${RESOURCES}/networkpolicies/[^/]+/(?!knp\\.default\\.)`), plural: "networkpolicies" },
  { etcd: /^\/calico\/ipam\/v2\/(host|virtual)\/[^/]+\/ipv[46]\//, plural: "blockaffinities" },
  { etcd: /^\/calico\/ipam\/v2\/assignment\//, plural: "ipamblocks" },
  { etcd: /^\/calico\/ipam\/v2\/handle\//, plural: "ipamhandles" },
  { etcd: /^\/calico\/ipam\/v2\/config$/, plural: "ipamconfigs", v3: "ipamconfigurations" },
];

/** How many objects of each kind the target must hold, by plural. */
export function expectedCounts(seed: CalicoSeed, group: TargetGroup): Record<string, number> {
  const keys = Array.from(seed.entries(), ({ key }) => key);
  return Object.fromEntries(
    PLACES.map(({ etcd, plural, v3 }) => [
      nameIn(group, plural, v3),
      keys.filter((key) => etcd.test(key)).length,
    ]),
  );
}

/** How many objects of each kind the target holds, by plural. */
export async function foundCounts(api: TestApi, group: TargetGroup): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { plural, v3 } of PLACES) {
    const name = nameIn(group, plural, v3);
    const { items } = await mustRequest(api, "GET", `/apis/${group}/${name}`);
    counts[name] = Array.isArray(items) ? items.length : 0;
  }
  return counts;
}

function nameIn(group: TargetGroup, plural: string, v3: string | undefined): string {
  return group === "projectcalico.org/v3" ? (v3 ?? plural) : plural;
}
