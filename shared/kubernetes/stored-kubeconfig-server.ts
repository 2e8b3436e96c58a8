import { isIP } from "node:net";
import { MigratorError } from "../errors.ts";
import {
  type AddressRules,
  addressRefused,
  embeddedAddress,
  refusedKind,
} from "./stored-kubeconfig-addresses.ts";

/** Which servers may be connected to with what is stored. */
export interface ServerRules extends AddressRules {
  /** Suffixes of host names, such as `eks.amazonaws.com`, or whole addresses. Default: every server. */
  allowedServers?: readonly string[] | undefined;
}

/** Names by which clouds answer their own machines, and this machine's own name. */
const refusedNames =
  /(^|\.)(localhost|metadata\.google\.internal|metadata\.goog|instance-data\.ec2\.internal)$/;

/**
 * Checks the URL of an API server before anything is sent there. `field` names it in messages. Throws SERVER_URL_INVALID
 * (no URL, a password in it, a query), SERVER_HTTP_REFUSED, SERVER_ADDRESS_REFUSED (loopback, link-local, metadata and the
 * like, and addresses that are not in their usual spelling) and SERVER_NOT_ALLOWED.
 */
export function checkServer(field: string, server: string, rules: ServerRules = {}): void {
  // The URL parser takes these out or decodes them; whoever reads the text would see another host.
  const url = /[\s\\%]|\p{Cc}/u.test(server) ? null : URL.parse(server);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw invalid(field, "is not a URL", "Write it as https://HOST:PORT.");
  }
  if (url.username !== "" || url.password !== "" || /^[^:]*:\/*[^/?#]*@/.test(server)) {
    throw invalid(field, "holds a user or a password", "Move them into the fields of the user.");
  }
  if (url.search !== "" || url.hash !== "") {
    throw invalid(field, "has a query or a fragment", "End it after the host, the port or the path.");
  }
  if (url.protocol === "http:") throw httpRefused(field);
  checkHost(field, writtenHost(server), rules);
}

/**
 * Checks the host of an endpoint, as it is written: an IPv6 address in brackets. Throws SERVER_URL_INVALID,
 * SERVER_ADDRESS_REFUSED and SERVER_NOT_ALLOWED.
 */
export function checkHost(field: string, written: string, rules: ServerRules = {}): void {
  const usual = URL.parse(`https://${written}/`)?.hostname;
  if (usual === undefined || usual === "")
    throw invalid(field, "has no valid host", "Write it as https://HOST:PORT.");
  const address = usual.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) === 0) checkName(field, address, rules);
  else checkAddress(field, { written, usual, address }, rules);
  if (!isAllowed(address, rules.allowedServers)) throw notAllowed(field, address);
}

function checkName(field: string, name: string, { allowLoopback = false }: AddressRules): void {
  const bare = name.replace(/\.+$/, "");
  if (!refusedNames.test(bare) || (allowLoopback && bare.endsWith("localhost"))) return;
  throw addressRefused(`${field}: ${name}`, bare.endsWith("localhost") ? "loopback" : "metadata");
}

/** A spelling that other programs may read as another address is refused even where the address itself would do. */
function checkAddress(
  field: string,
  { written, usual, address }: { written: string; usual: string; address: string },
  rules: AddressRules,
): void {
  const kind = refusedKind(address, rules);
  if (kind !== undefined) throw addressRefused(`${field}: ${written}`, kind);
  const inner = isIP(address) === 6 ? embeddedAddress(address) : undefined;
  const wanted = inner !== undefined && address !== "::1" ? inner : usual;
  if (written.toLowerCase() === wanted) return;
  throw new MigratorError(
    "SERVER_ADDRESS_REFUSED",
    `${field}: ${written} is an unusual spelling of ${wanted}`,
    {
      next: `Write it as ${wanted}.`,
      details: { field, written, usual: wanted },
    },
  );
}

function isAllowed(host: string, suffixes: readonly string[] | undefined): boolean {
  if (suffixes === undefined || suffixes.length === 0) return true;
  const bare = host.replace(/\.+$/, "");
  return suffixes.some((suffix) => {
    const wanted = suffix.toLowerCase().replace(/^\.|^\[|\]$/g, "");
    return bare === wanted || (isIP(bare) === 0 && bare.endsWith(`.${wanted}`));
  });
}

/** The URL parser rewrites addresses, so the text is looked at. */
function writtenHost(server: string): string {
  const authority = /^[^:]*:\/*([^/?#]*)/.exec(server)?.[1] ?? "";
  return authority.replace(/:\d*$/, "");
}

function httpRefused(field: string): MigratorError {
  return new MigratorError(
    "SERVER_HTTP_REFUSED",
    `${field}: plain http is refused, as credentials are sent there`,
    {
      next: "Use the https:// address of the API server.",
      details: { field },
    },
  );
}

function notAllowed(field: string, host: string): MigratorError {
  return new MigratorError("SERVER_NOT_ALLOWED", `${field}: ${host} is not among the allowed servers`, {
    next: "Use an address that the deployment allows, or extend its list of allowed servers.",
    details: { field, host },
  });
}

function invalid(field: string, problem: string, next: string): MigratorError {
  return new MigratorError("SERVER_URL_INVALID", `${field}: ${problem}`, { next, details: { field } });
}
