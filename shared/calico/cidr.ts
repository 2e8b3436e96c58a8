/** True for plain decimal digits without a leading zero, up to `max`. */
function isDecimal(text: string, max: number): boolean {
  return /^(0|[1-9]\d{0,2})$/.test(text) && Number(text) <= max;
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => isDecimal(part, 255)) ? parts.map(Number) : undefined;
}

/** The 16-bit groups of one side of "::"; a dotted quad may stand at the end of the address. */
function groupsOf(side: string, isEnd: boolean): number[] | undefined {
  if (side === "") return [];
  const groups: number[] = [];
  const parts = side.split(":");
  for (const [index, part] of parts.entries()) {
    const quad = isEnd && index === parts.length - 1 ? ipv4Bytes(part) : undefined;
    if (quad !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = quad;
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function ipv6Groups(text: string): number[] | undefined {
  const sides = text.split("::");
  const [left = "", right] = sides;
  if (sides.length > 2) return undefined;
  const head = groupsOf(left, right === undefined);
  const tail = right === undefined ? [] : groupsOf(right, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

/** Clears the bits behind the prefix in units of `width` bits. */
function masked(units: readonly number[], width: number, length: number): number[] {
  return units.map((unit, index) => {
    const kept = Math.min(Math.max(length - index * width, 0), width);
    return (unit & (((1 << kept) - 1) << (width - kept))) >>> 0;
  });
}

/** RFC 5952: lower case, the first longest run of two or more zero groups as "::". */
function ipv6Text(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(":");
  const runs = text.match(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return text;
  const start = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  return `${text.slice(0, start).replace(/:$/, "")}::${text.slice(start + longest.length).replace(/^:/, "")}`;
}

/** A network in Calico's canonical text. */
export interface Cidr {
  /** Lower case, compressed, host bits cleared: `10.64.0.0/26`, `fd00:2::/122`. */
  readonly text: string;
  readonly version: 4 | 6;
  /** True when the text given had no host bits set. */
  readonly strict: boolean;
}

/**
 * Reads an IPv4 or IPv6 network as Go's netip.ParsePrefix does, with host bits cleared.
 * Returns undefined for anything else: zones, IPv4-mapped IPv6 addresses, leading zeros.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const length = text.slice(slash + 1);
  const isIpv6 = address.includes(":");
  const width = isIpv6 ? 16 : 8;
  const units = isIpv6 ? ipv6Groups(address) : ipv4Bytes(address);
  if (units === undefined || !isDecimal(length, isIpv6 ? 128 : 32)) return undefined;
  if (isIpv6 && units.slice(0, 6).join() === "0,0,0,0,0,65535") return undefined;
  const network = masked(units, width, Number(length));
  return {
    text: `${isIpv6 ? ipv6Text(network) : network.join(".")}/${length}`,
    version: isIpv6 ? 6 : 4,
    strict: network.every((unit, index) => unit === units[index]),
  };
}
