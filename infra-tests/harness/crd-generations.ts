import type { TargetGroup } from "../../shared/calico/kinds.ts";
import { hasKind, KIND_SINCE } from "../../shared/calico/versions/rules.ts";
import { type CalicoVersion, compareVersions, parseVersion } from "../../shared/calico/versions/version.ts";
import { isJsonObject, type JsonObject } from "../../shared/json.ts";

/** The versions of Calico after which its CRDs of crd.projectcalico.org/v1 differ, oldest first, and the newest. */
export const GENERATIONS = ["3.15", "3.22", "3.24", "3.26", "3.28", "3.29", "3.30", "3.32", "3.34"] as const;

/** Those that can use CRDs of projectcalico.org/v3, oldest first. */
export const NATIVE_GENERATIONS = ["3.32", "3.33", "3.34"] as const;

const POLICIES = [
  "GlobalNetworkPolicy",
  "NetworkPolicy",
  "StagedGlobalNetworkPolicy",
  "StagedNetworkPolicy",
  "StagedKubernetesNetworkPolicy",
];

/** Which members of a spec came with which version; those that are named for 3.22 came after 3.15. */
const FIELDS: readonly (readonly [since: string, kinds: readonly string[], paths: readonly string[]])[] = [
  ["3.22", ["IPPool"], ["allowedUses", "disableBGPExport"]],
  ["3.22", ["IPAMBlock"], ["sequenceNumber", "sequenceNumberForAllocation"]],
  ["3.22", ["IPAMHandle"], ["deleted"]],
  ["3.22", ["IPAMConfig"], ["maxBlocksPerHost"]],
  [
    "3.22",
    ["FelixConfiguration"],
    ["floatingIPs", "failsafeInboundHostPorts[].net", "failsafeOutboundHostPorts[].net"],
  ],
  ["3.22", ["BGPPeer"], ["keepOriginalNextHop", "maxRestartTime", "password", "sourceAddress"]],
  [
    "3.22",
    ["BGPConfiguration"],
    ["communities", "prefixAdvertisements", "listenPort", "serviceLoadBalancerIPs"],
  ],
  [
    "3.22",
    ["KubeControllersConfiguration"],
    ["prometheusMetricsPort", "debugProfilePort", "controllers.node.leakGracePeriod"],
  ],
  ["3.24", ["BGPPeer"], ["numAllowedLocalASNumbers"]],
  ["3.24", ["BGPConfiguration"], ["bindMode", "nodeMeshMaxRestartTime", "nodeMeshPassword"]],
  ["3.24", ["FelixConfiguration"], ["wireguardEnabledV6", "vxlanMTUV6", "routeTableRanges"]],
  ["3.26", ["BGPPeer"], ["filters", "reachableBy", "ttlSecurity"]],
  ["3.26", ["BGPConfiguration"], ["ignoredInterfaces"]],
  ["3.26", ["FelixConfiguration"], ["iptablesFilterDenyAction"]],
  ["3.28", POLICIES, ["performanceHints"]],
  ["3.28", ["FelixConfiguration"], ["bpfLogFilters"]],
  ["3.28", ["BGPFilter"], rules("interface", "source")],
  ["3.29", POLICIES, ["tier"]],
  ["3.29", ["FelixConfiguration"], ["nftablesMode"]],
  ["3.29", ["BGPFilter"], rules("prefixLength")],
  ["3.30", ["IPPool"], ["assignmentMode"]],
  ["3.30", ["BlockAffinity"], ["type"]],
  ["3.30", ["BGPPeer"], ["localWorkloadSelector", "nextHopMode", "reversePeering"]],
  [
    "3.30",
    ["KubeControllersConfiguration"],
    ["controllers.loadBalancer", "controllers.node.hostEndpoint.createDefaultHostEndpoint"],
  ],
  ["3.31", ["IPPool"], ["namespaceSelector"]],
  ["3.31", ["BGPConfiguration"], ["serviceLoadBalancerAggregation"]],
  ["3.32", ["FelixConfiguration"], ["nodeSelector"]],
  ["3.32", ["BGPFilter"], rules("peerType", "priority")],
  ["3.32", ["BGPPeer"], ["localASNumber", "keepaliveTime"]],
  ["3.32", ["IPAMConfig"], ["kubeVirtVMAddressPersistence"]],
  ["3.32", ["IPAMBlock"], ["affinityClaimTime", "attributes[].alternateOwnerAttrs"]],
  ["3.33", ["IPAMBlock"], ["attributes[].releasedAt"]],
  ["3.33", ["IPAMConfig"], ["ipCooldownSeconds"]],
  ["3.33", ["FelixConfiguration"], ["nftablesFlowTableOffload"]],
];

/** Which members were there before they got a default. */
const DEFAULTS: readonly (readonly [since: string, kinds: readonly string[], paths: readonly string[]])[] = [
  ["3.32", POLICIES, ["tier", "stagedAction"]],
  ["3.32", ["Tier"], ["defaultAction"]],
  ["3.32", ["IPPool"], ["assignmentMode"]],
  ["3.32", ["BGPConfiguration"], ["logSeverityScreen"]],
  ["3.32", ["FelixConfiguration"], ["nftablesMode"]],
  ["3.32", ["KubeControllersConfiguration"], ["healthChecks"]],
  ["3.33", ["IPPool"], ["nodeSelector"]],
];

function rules(...members: string[]): string[] {
  const lists = ["exportV4", "exportV6", "importV4", "importV6"];
  return lists.flatMap((list) => members.map((member) => `${list}[].${member}`));
}

/** Reads a generation's version. Throws for what is none. */
export function generationVersion(generation: string): CalicoVersion {
  const version = parseVersion(generation);
  if (version === undefined) throw new Error(`"${generation}" is no version of Calico`);
  return version;
}

/** The kinds that a generation has no CRD for. */
export function kindsWithoutCrd(generation: string): ReadonlySet<string> {
  const version = generationVersion(generation);
  return new Set(Object.keys(KIND_SINCE).filter((kind) => !hasKind(version, kind)));
}

/** False where a generation's native CRD of a kind keeps the status with the object, although later ones keep it apart. */
export function hasStatusSubresource(kind: string, group: TargetGroup, generation: string): boolean {
  const isEarly = compareVersions(generationVersion(generation), generationVersion("3.33.0")) < 0;
  return !(isEarly && kind === "CalicoNodeStatus" && group === "projectcalico.org/v3");
}

/** The schema of a kind's spec as a generation has it, made of the newest. */
export function specOfGeneration(kind: string, newest: JsonObject, generation: string): JsonObject {
  const version = generationVersion(generation);
  const spec = structuredClone(newest);
  const isLater = (since: string): boolean => compareVersions(version, generationVersion(`${since}.0`)) < 0;
  const of = (table: typeof FIELDS): string[] =>
    table.flatMap(([since, kinds, paths]) => (isLater(since) && kinds.includes(kind) ? paths : []));
  for (const path of of(FIELDS)) change(spec, path, (members, name) => Reflect.deleteProperty(members, name));
  for (const path of of(DEFAULTS)) change(spec, path, dropDefault);
  return spec;
}

function dropDefault(members: JsonObject, name: string): void {
  if (isJsonObject(members[name])) Reflect.deleteProperty(members[name], "default");
}

/** Calls `edit` with the members that hold the last name of a path, where the schema has them. */
function change(
  schema: JsonObject,
  path: string,
  edit: (members: JsonObject, name: string) => unknown,
): void {
  const [first = "", ...rest] = path.split(".");
  const name = first.replace("[]", "");
  const { properties } = schema;
  if (!isJsonObject(properties)) return;
  if (rest.length === 0) {
    edit(properties, name);
    return;
  }
  const member = properties[name];
  if (!isJsonObject(member)) return;
  const inner = first.endsWith("[]") ? member["items"] : member;
  if (isJsonObject(inner)) change(inner, rest.join("."), edit);
}
