import { KINDS, type KindInfo, type Rank, targetKind } from "../kinds.ts";

/** One kind that moves from crd.projectcalico.org/v1 to projectcalico.org/v3. */
export interface NativeKind {
  /** As projectcalico.org/v3 names it. */
  readonly kind: string;
  /** As projectcalico.org/v3 names it. */
  readonly plural: string;
  /** As crd.projectcalico.org/v1 names it. */
  readonly v1Kind: string;
  /** As crd.projectcalico.org/v1 names it. */
  readonly v1Plural: string;
  readonly namespaced: boolean;
  /** True for the policies whose name may carry their tier as a prefix. */
  readonly tiered: boolean;
  /** True when the native CRD has a status subresource: its status has to be written apart from the object. */
  readonly statusSubresource: boolean;
  /** 1 depends on nothing, 2 refers to rank 1, 3 is final only once the datastore is locked. */
  readonly rank: Exclude<Rank, 0>;
}

/** Requests for the state of nodes and their answers: they say something only of components that run on the new group. */
const LAST = "CalicoNodeStatus";

function nativeKind(info: KindInfo): NativeKind[] {
  if (info.group !== "crd" || info.rank === 0) return [];
  const { kind, plural } = targetKind(info, "projectcalico.org/v3");
  const { kind: v1Kind, plural: v1Plural, namespaced, tiered, statusSubresource } = info;
  const rank = v1Kind === LAST ? 3 : info.rank;
  return [{ kind, plural, v1Kind, v1Plural, namespaced, tiered, statusSubresource, rank }];
}

const CONVERTED = KINDS.flatMap(nativeKind);

/**
 * The kinds that are converted, in the order of copying: by rank, CalicoNodeStatus last. ClusterInformation is none of
 * them, because the lock owns it; nor are kinds that Calico computes (Profile, WorkloadEndpoint) or keeps on core Nodes.
 */
export const NATIVE_KINDS: readonly NativeKind[] = [
  ...CONVERTED.filter(({ v1Kind }) => v1Kind !== LAST).sort((one, other) => one.rank - other.rank),
  ...CONVERTED.filter(({ v1Kind }) => v1Kind === LAST),
];

const BY_V1_KIND = new Map(NATIVE_KINDS.map((kind) => [kind.v1Kind, kind]));

/** The kind that crd.projectcalico.org/v1 names so; undefined when it is not converted. */
export function nativeKindOf(v1Kind: string): NativeKind | undefined {
  return BY_V1_KIND.get(v1Kind);
}

const HANDLED = new Set(KINDS.filter(({ group }) => group === "crd").map(({ plural }) => plural));

/**
 * Of the plurals of the CRDs that a cluster has in crd.projectcalico.org, those whose objects nothing converts, sorted:
 * deleting these CRDs would lose data. ClusterInformation counts as handled.
 */
export function pluralsWithoutConverter(plurals: Iterable<string>): string[] {
  return [...new Set(plurals)].filter((plural) => !HANDLED.has(plural)).sort();
}
