import { lookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { MigratorError } from "../errors.ts";

/** Which addresses of this machine itself may be connected to. */
export interface AddressRules {
  /** Accepts loopback addresses. For tests alone: what listens there trusts whoever can reach it. Default false. */
  allowLoopback?: boolean | undefined;
}

type Subnet = readonly [network: string, prefix: number];

/**
 * Ranges of the IANA special-purpose address registries in which no API server can be, and the addresses at which
 * clouds answer their own machines.
 */
const refused: Readonly<Record<string, readonly Subnet[]>> = {
  loopback: [
    ["127.0.0.0", 8],
    ["::1", 128],
  ],
  unspecified: [
    ["0.0.0.0", 8],
    ["::", 128],
  ],
  "link-local or metadata": [
    ["169.254.0.0", 16],
    ["fe80::", 10],
    ["fec0::", 10],
    // Amazon EC2 and EKS, Google Cloud.
    ["fd00:ec2::", 32],
    ["fd20:ce::", 32],
    // Azure and Alibaba Cloud.
    ["168.63.129.16", 32],
    ["100.100.100.200", 32],
  ],
  multicast: [
    ["224.0.0.0", 4],
    ["ff00::", 8],
  ],
  reserved: [["240.0.0.0", 4]],
};

/** IPv6 networks that hold an IPv4 address, and the group of 16 bits it begins at: mapped, NAT64, 6to4, compatible. */
const embedding: readonly (readonly [...Subnet, group: number])[] = [
  ["::ffff:0:0", 96, 6],
  ["64:ff9b::", 96, 6],
  ["64:ff9b:1::", 48, 6],
  ["2002::", 16, 1],
  ["::", 96, 6],
];

const refusedLists = Object.entries(refused).map(([kind, subnets]) => ({ kind, list: listOf(subnets) }));
const embeddingLists = embedding.map(([network, prefix, group]) => ({
  group,
  list: listOf([[network, prefix]]),
}));

/**
 * What kind of address this is, where it is one that an API server cannot have (`loopback`, `link-local or metadata`
 * and so on); undefined for all others, private ones included. IPv6 addresses that stand for an IPv4 one are judged by it.
 * The address must be in a spelling that Node's `isIP` knows.
 */
export function refusedKind(
  address: string,
  { allowLoopback = false }: AddressRules = {},
): string | undefined {
  const family = isIP(address) === 4 ? "ipv4" : "ipv6";
  const kind = refusedLists.find(({ list }) => list.check(address, family))?.kind;
  if (kind !== undefined) return kind === "loopback" && allowLoopback ? undefined : kind;
  const inner = family === "ipv6" ? embeddedAddress(address) : undefined;
  return inner === undefined ? undefined : refusedKind(inner, { allowLoopback });
}

/** The IPv4 address that an IPv6 address stands for, if it does. */
export function embeddedAddress(address: string): string | undefined {
  const found = embeddingLists.find(({ list }) => list.check(address, "ipv6"));
  if (found === undefined) return undefined;
  const groups = groupsOf(address);
  return [groups[found.group] ?? 0, groups[found.group + 1] ?? 0]
    .flatMap((group) => [group >> 8, group & 0xff])
    .join(".");
}

/** The error about a connection to an address that no API server can have. */
export function addressRefused(host: string, kind: string): MigratorError {
  return new MigratorError(
    "SERVER_ADDRESS_REFUSED",
    `${host} is a ${kind} address; clusters are not reached there`,
    {
      next: "Give the address at which the cluster's API server or etcd is reached over the network.",
      details: { host, kind },
    },
  );
}

/**
 * A resolver for connections that fails with SERVER_ADDRESS_REFUSED when a name leads to a refused address. The
 * connection is made to the very addresses that were judged, so it does not matter if the name leads elsewhere a
 * moment later.
 */
export function guardedLookup(rules: AddressRules = {}, resolve: Resolve = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      const bad = addresses?.find(({ address }) => refusedKind(address, rules) !== undefined);
      if (error !== null || first === undefined) callback(error, [], 0);
      else if (bad !== undefined) {
        callback(
          addressRefused(`${hostname} (${bad.address})`, refusedKind(bad.address, rules) ?? ""),
          [],
          0,
        );
      } else if (options.all === true) callback(null, addresses ?? []);
      else callback(null, first.address, first.family);
    });
  };
}

type Resolve = (
  hostname: string,
  options: { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses?: LookupAddress[]) => void,
) => void;

function listOf(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets)
    list.addSubnet(network, prefix, network.includes(":") ? "ipv6" : "ipv4");
  return list;
}

/** The eight groups of an IPv6 address, by the URL parser, which writes every one of them in one way. */
function groupsOf(address: string): number[] {
  const [bare = ""] = address.split("%");
  const [head = "", tail] = new URL(`http://[${bare}]/`).hostname.slice(1, -1).split("::");
  const parse = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const front = parse(head);
  const back = parse(tail ?? "");
  return [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
}
