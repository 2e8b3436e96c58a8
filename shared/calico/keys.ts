import { parseCidr } from "./cidr.ts";
import { kindByPlural, kindInfo } from "./kinds.ts";

/** A v3 resource, as its key names it. */
export interface ResourceKey {
  readonly type: "resource";
  readonly kind: string;
  readonly namespace?: string;
  /** As stored: policies of the default tier may still carry the prefix `default.`. */
  readonly name: string;
}

/** The claim of a node (`host`) or of something that is no node (`virtual`, such as a load balancer) on a block. */
export interface BlockAffinityKey {
  readonly type: "blockAffinity";
  readonly affinityType: "host" | "virtual";
  readonly host: string;
  /** Canonical. */
  readonly cidr: string;
}

/** A block of addresses. */
export interface BlockKey {
  readonly type: "block";
  /** Canonical. */
  readonly cidr: string;
}

/** What holds addresses, for example one pod or one tunnel. */
export interface HandleKey {
  readonly type: "handle";
  readonly handleId: string;
}

/** The one IPAM configuration. */
export interface IpamConfigKey {
  readonly type: "ipamConfig";
}

/** A key whose value the migration has to read. */
export type DataKey = ResourceKey | BlockAffinityKey | BlockKey | HandleKey | IpamConfigKey;

/** What a key of etcd holds, judged by the key alone. */
export type SourceKey =
  | DataKey
  /** Recomputed by the Kubernetes datastore. */
  | { readonly type: "derived"; readonly kind: string; readonly reason: string }
  /** Of no use to anybody after the switch. */
  | { readonly type: "housekeeping"; readonly reason: string }
  /** Nothing that Calico reads. */
  | { readonly type: "unknown"; readonly reason: string };

/** The prefix of every key of Calico. */
export const CALICO_PREFIX = "/calico/";

const RESOURCES = "/calico/resources/v3/projectcalico.org/";
const IPAM = "/calico/ipam/v2/";

const HOUSEKEEPING: readonly (readonly [prefix: string, reason: string])[] = [
  ["/calico/felix/", "status that Felix reports and renews"],
  ["/calico/compaction/", "bookkeeping of etcd compaction"],
  ["/calico/v1/Ready", "ready flag of earlier versions; ClusterInformation holds it now"],
];

/** Keys that agents of Calico read which are no part of Kubernetes: they go on reading etcd. (networking-calico) */
const FOREIGN: readonly (readonly [prefix: string, reason: string])[] = [
  ["/calico/dhcp/", "read by Calico's DHCP agent for OpenStack, which goes on using etcd"],
  ["/calico/openstack/", "read by Calico's agents for OpenStack, which go on using etcd"],
];

/** Kinds of Calico Enterprise, by plural: open-source Calico has no CRD for them. */
const ENTERPRISE: ReadonlySet<string> = new Set([
  "alertexceptions",
  "bfdconfigurations",
  "deeppacketinspections",
  "egressgatewaypolicies",
  "externalnetworks",
  "globalalerts",
  "globalalerttemplates",
  "globalreports",
  "globalreporttypes",
  "globalthreatfeeds",
  "licensekeys",
  "managedclusters",
  "networks",
  "packetcaptures",
  "policyrecommendationscopes",
  "remoteclusterconfigurations",
  "securityeventwebhooks",
  "uisettings",
  "uisettingsgroups",
]);

/**
 * Says what a key of etcd holds. Total: every string gets an answer. Names are taken as they are stored, not unescaped,
 * as Calico's own listing does (libcalico-go/lib/backend/model).
 */
export function parseEtcdKey(key: string): SourceKey {
  if (key.startsWith(RESOURCES)) return parseResource(key.slice(RESOURCES.length).split("/"));
  if (key.startsWith(IPAM)) return parseIpam(key.slice(IPAM.length).split("/"));
  const known = HOUSEKEEPING.find(([prefix]) => key.startsWith(prefix));
  if (known !== undefined) return { type: "housekeeping", reason: known[1] };
  const foreign = FOREIGN.find(([prefix]) => key.startsWith(prefix));
  return unknown(foreign?.[1] ?? "not a key that Calico reads");
}

/** True for a key that something else than Kubernetes goes on reading. */
export function isForeignKey(key: string): boolean {
  return FOREIGN.some(([prefix]) => key.startsWith(prefix));
}

function unknown(reason: string): SourceKey {
  return { type: "unknown", reason };
}

function parseResource(parts: readonly string[]): SourceKey {
  const [plural = ""] = parts;
  const info = kindByPlural(plural);
  if (ENTERPRISE.has(plural))
    return unknown("a kind of Calico Enterprise, which open-source Calico does not read");
  if (info === undefined) return unknown("no kind of Calico has this plural");
  const names = parts.slice(1);
  if (names.length !== (info.namespaced ? 2 : 1) || names.includes("")) {
    return unknown(`a ${info.kind} is stored under ${info.namespaced ? "a namespace and a name" : "a name"}`);
  }
  const [first = "", second = ""] = names;
  const name = info.namespaced ? second : first;
  const reason = derivedBecause(info.kind, name);
  if (reason !== undefined) return { type: "derived", kind: info.kind, reason };
  if (info.namespaced) return { type: "resource", kind: info.kind, namespace: first, name };
  return { type: "resource", kind: info.kind, name };
}

const DERIVED_PROFILES: readonly (readonly [prefix: string, reason: string])[] = [
  ["kns.", "recomputed from the namespace"],
  ["ksa.", "recomputed from the service account"],
  ["projectcalico-default-allow", "built into the Kubernetes datastore"],
];

function derivedBecause(kind: string, name: string): string | undefined {
  if (kind === "NetworkPolicy" && name.startsWith("knp.default.")) {
    return "recomputed from the Kubernetes NetworkPolicy";
  }
  if (kind !== "Profile") return undefined;
  return DERIVED_PROFILES.find(([prefix]) =>
    prefix.endsWith(".") ? name.startsWith(prefix) : name === prefix,
  )?.[1];
}

function parseIpam(parts: readonly string[]): SourceKey {
  const [head, second = "", third, fourth, last = ""] = parts;
  switch (head) {
    case "config":
      return parts.length === 1 ? { type: "ipamConfig" } : unknown("the IPAM configuration has no parts");
    case "handle":
      return parts.length === 2 && second !== ""
        ? { type: "handle", handleId: second }
        : unknown("a handle has one id");
    case "assignment":
      return parseBlock(parts, third);
    case "host":
      if (parts.length === 2) return { type: "housekeeping", reason: "marker that a host uses IPAM" };
      return parseAffinity("host", second, third, fourth, last, parts.length);
    case "virtual":
      return parseAffinity("virtual", second, third, fourth, last, parts.length);
    default:
      return unknown("not a part of IPAM that Calico reads");
  }
}

const VERSION = /^ipv[46]$/;

function keyCidr(segment: string): string | undefined {
  return parseCidr(segment.replace("-", "/"))?.text;
}

function parseBlock(parts: readonly string[], block: string | undefined): SourceKey {
  const cidr = keyCidr(parts[3] ?? "");
  if (parts.length !== 4 || block !== "block" || !VERSION.test(parts[1] ?? "") || cidr === undefined) {
    return unknown("a block is stored under its IP version and its CIDR");
  }
  return { type: "block", cidr };
}

function parseAffinity(
  affinityType: "host" | "virtual",
  host: string,
  version: string | undefined,
  block: string | undefined,
  last: string,
  length: number,
): SourceKey {
  const cidr = keyCidr(last);
  if (
    length !== 5 ||
    host === "" ||
    block !== "block" ||
    !VERSION.test(version ?? "") ||
    cidr === undefined
  ) {
    return unknown("a block affinity is stored under its host, IP version and CIDR");
  }
  return { type: "blockAffinity", affinityType, host, cidr };
}

/** The key that holds `data`: the inverse of parseEtcdKey for canonical keys. */
export function etcdKeyOf(data: DataKey): string {
  switch (data.type) {
    case "resource": {
      const { plural } = kindInfo(data.kind);
      const path = data.namespace === undefined ? data.name : `${data.namespace}/${data.name}`;
      return `${RESOURCES}${plural}/${path}`;
    }
    case "blockAffinity":
      return `${IPAM}${data.affinityType}/${data.host}/${blockPath(data.cidr)}`;
    case "block":
      return `${IPAM}assignment/${blockPath(data.cidr)}`;
    case "handle":
      return `${IPAM}handle/${data.handleId}`;
    case "ipamConfig":
      return `${IPAM}config`;
  }
}

/** What the keys of a kind begin with; the key of a kind that has but one is its own prefix. Throws KIND_UNKNOWN. */
export function etcdPrefixesOf(kind: string): string[] {
  switch (kind) {
    case "IPAMConfig":
      return [`${IPAM}config`];
    case "IPAMBlock":
      return [`${IPAM}assignment/`];
    case "BlockAffinity":
      return [`${IPAM}host/`, `${IPAM}virtual/`];
    case "IPAMHandle":
      return [`${IPAM}handle/`];
    default:
      return [`${RESOURCES}${kindInfo(kind).plural}/`];
  }
}

function blockPath(cidr: string): string {
  return `ipv${cidr.includes(":") ? "6" : "4"}/block/${cidr.replace("/", "-")}`;
}
