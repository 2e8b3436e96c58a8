import { isIP } from "node:net";

const INTEGERS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** What must hold of a number by its format; undefined when it does, or when this format is left to the server. */
export function numberFault(format: string, value: number): string | undefined {
  const [least, most] = INTEGERS[format] ?? [-Infinity, Infinity];
  return value < least || value > most ? `must be of format ${format} (${least} to ${most})` : undefined;
}

/** What must hold of a string by its format; undefined when it does, or when this format is left to the server. */
export function stringFault(format: string, value: string): string | undefined {
  return format === "cidr" && !isCidr(value) ? "must be of format cidr, such as 192.0.2.0/24" : undefined;
}

/** The network of one address that a bare address means; undefined for anything else. */
export function cidrOfAddress(value: string): string | undefined {
  if (value.includes("%")) return undefined;
  const version = isIP(value);
  return version === 0 ? undefined : `${value}/${version === 4 ? 32 : 128}`;
}

/** As Go's net.ParseCIDR, host bits and all. */
function isCidr(value: string): boolean {
  const [address = "", length = "", more] = value.split("/");
  if (more !== undefined || address.includes("%") || !/^\d{1,3}$/.test(length)) return false;
  const version = isIP(address);
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128);
}
