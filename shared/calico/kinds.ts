import { MigratorError } from "../errors.ts";

/** The API groups that a Kubernetes datastore can keep Calico's custom resources in. */
export type TargetGroup = "crd.projectcalico.org/v1" | "projectcalico.org/v3";

/**
 * When a kind is copied: 0 is ClusterInformation, which the lock owns; 1 depends on nothing; 2 refers to rank 1 (tiers,
 * BGP filters) or to nodes; 3 is IPAM, which is final only once the source is locked.
 */
export type Rank = 0 | 1 | 2 | 3;

/** What there is to know about one kind of Calico's data model. */
export interface KindInfo {
  readonly kind: string;
  /** Lower case, as in paths of the API and in etcd keys. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Where the Kubernetes datastore keeps it: a custom resource, the core Node object, or nowhere (recomputed). */
  readonly group: "crd" | "core" | "none";
  /** Where etcdv3 keeps it: under the v3 resources, or in the IPAM tree. */
  readonly etcd: "resources" | "ipam";
  /** True when its CRD has a status subresource, so that creating an object drops the status. */
  readonly statusSubresource: boolean;
  /** True for the policies whose name may carry their tier as a prefix, and which store their own name. */
  readonly tiered: boolean;
  readonly rank: Rank;
  /** True when the migration carries it; otherwise the reason why it does not. */
  readonly carried: true | string;
  /** Kind and plural where native projectcalico.org/v3 CRDs name it differently. */
  readonly v3?: { readonly kind: string; readonly plural: string };
}

/** The kind as one target group names it. */
export interface TargetKind {
  readonly kind: string;
  readonly plural: string;
  readonly apiVersion: string;
}

const CRD = {
  namespaced: false,
  group: "crd",
  etcd: "resources",
  statusSubresource: false,
  tiered: false,
  rank: 1,
  carried: true,
} as const satisfies Partial<KindInfo>;

const IPAM = { ...CRD, etcd: "ipam", rank: 3 } as const;
const POLICY = { ...CRD, tiered: true, rank: 2 } as const;
const DERIVED = { ...CRD, group: "none" } as const;

/** Every kind that Calico stores, in the order of copying within a rank. */
export const KINDS: readonly KindInfo[] = [
  { ...CRD, kind: "ClusterInformation", plural: "clusterinformations", rank: 0 },
  { ...CRD, kind: "Tier", plural: "tiers", statusSubresource: true },
  { ...CRD, kind: "IPPool", plural: "ippools", statusSubresource: true },
  { ...CRD, kind: "BGPFilter", plural: "bgpfilters" },
  { ...CRD, kind: "BGPConfiguration", plural: "bgpconfigurations" },
  { ...CRD, kind: "FelixConfiguration", plural: "felixconfigurations" },
  {
    ...CRD,
    kind: "KubeControllersConfiguration",
    plural: "kubecontrollersconfigurations",
    statusSubresource: true,
  },
  { ...CRD, kind: "IPReservation", plural: "ipreservations" },
  { ...CRD, kind: "GlobalNetworkSet", plural: "globalnetworksets" },
  { ...CRD, kind: "NetworkSet", plural: "networksets", namespaced: true },
  { ...CRD, kind: "CalicoNodeStatus", plural: "caliconodestatuses", statusSubresource: true },
  { ...POLICY, kind: "GlobalNetworkPolicy", plural: "globalnetworkpolicies" },
  { ...POLICY, kind: "NetworkPolicy", plural: "networkpolicies", namespaced: true },
  { ...POLICY, kind: "StagedGlobalNetworkPolicy", plural: "stagedglobalnetworkpolicies" },
  { ...POLICY, kind: "StagedNetworkPolicy", plural: "stagednetworkpolicies", namespaced: true },
  {
    ...POLICY,
    kind: "StagedKubernetesNetworkPolicy",
    plural: "stagedkubernetesnetworkpolicies",
    namespaced: true,
    tiered: false,
  },
  { ...CRD, kind: "BGPPeer", plural: "bgppeers", rank: 2 },
  { ...CRD, kind: "HostEndpoint", plural: "hostendpoints", rank: 2 },
  { ...CRD, kind: "Node", plural: "nodes", group: "core", rank: 2 },
  {
    ...IPAM,
    kind: "IPAMConfig",
    plural: "ipamconfigs",
    v3: { kind: "IPAMConfiguration", plural: "ipamconfigurations" },
  },
  { ...IPAM, kind: "IPAMBlock", plural: "ipamblocks" },
  { ...IPAM, kind: "BlockAffinity", plural: "blockaffinities" },
  { ...IPAM, kind: "IPAMHandle", plural: "ipamhandles" },
  {
    ...DERIVED,
    kind: "Profile",
    plural: "profiles",
    carried:
      "the Kubernetes datastore computes profiles from namespaces and service accounts, and has no place for others",
  },
  {
    ...DERIVED,
    kind: "WorkloadEndpoint",
    plural: "workloadendpoints",
    namespaced: true,
    carried:
      "the Kubernetes datastore computes workload endpoints from pods, and has no place for those of other orchestrators",
  },
  {
    ...DERIVED,
    kind: "LiveMigration",
    plural: "livemigrations",
    namespaced: true,
    carried: "the Kubernetes datastore computes live migrations from KubeVirt's own objects",
  },
];

/** The policies that store their own v3 name. */
export const TIERED_KINDS: ReadonlySet<string> = new Set(
  KINDS.filter((info) => info.tiered).map((info) => info.kind),
);

const BY_KIND = new Map(
  KINDS.flatMap((info) => [info.kind, info.v3?.kind ?? info.kind].map((kind) => [kind, info])),
);
const BY_PLURAL = new Map(
  KINDS.flatMap((info) => [info.plural, info.v3?.plural ?? info.plural].map((plural) => [plural, info])),
);

/**
 * What there is to know about a kind, by either group's name of it.
 * Throws MigratorError KIND_UNKNOWN for anything that is not a kind of Calico.
 */
export function kindInfo(kind: string): KindInfo {
  const info = BY_KIND.get(kind);
  if (info === undefined) {
    throw new MigratorError("KIND_UNKNOWN", `"${kind}" is not a kind of Calico's data model`, {
      next: "Report this as a bug, with the Calico version in use.",
      details: { kind },
    });
  }
  return info;
}

/** The kind with this plural, by either group's plural; undefined when Calico has none. */
export function kindByPlural(plural: string): KindInfo | undefined {
  return BY_PLURAL.get(plural);
}

/** How a target group names a kind. Nodes are always the core Node. */
export function targetKind(info: KindInfo, group: TargetGroup): TargetKind {
  if (info.group === "core") return { kind: info.kind, plural: info.plural, apiVersion: "v1" };
  const renamed = group === "projectcalico.org/v3" ? info.v3 : undefined;
  return { kind: renamed?.kind ?? info.kind, plural: renamed?.plural ?? info.plural, apiVersion: group };
}

/** The name of the CRD that a target group needs for a kind; undefined for kinds that are no custom resources. */
export function crdName(kind: string, group: TargetGroup): string | undefined {
  const info = kindInfo(kind);
  if (info.group !== "crd") return undefined;
  return `${targetKind(info, group).plural}.${group.slice(0, group.indexOf("/"))}`;
}

/** The names of all CRDs that a target group must have, sorted. */
export function crdNames(group: TargetGroup): string[] {
  return KINDS.map((info) => crdName(info.kind, group))
    .filter((name) => name !== undefined)
    .sort();
}
