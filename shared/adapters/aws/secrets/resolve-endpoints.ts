import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import {
  type AddressRules,
  addressRefused,
  refusedKind,
} from "../../../kubernetes/stored-kubeconfig-addresses.ts";

/** Finds the addresses of a name, as `lookup` of node:dns/promises does with `all`. */
type Resolve = (hostname: string) => Promise<readonly { address: string }[]>;

/**
 * The addresses of etcd's endpoints, each judged. gRPC would resolve the names itself, and again whenever it connects anew: a
 * name that changes its mind after it was judged would lead elsewhere. So these are connected to, and nothing else.
 *
 * A name that does not resolve is left out: another endpoint may do. Throws SERVER_ADDRESS_REFUSED.
 */
export async function resolveEndpoints(
  endpoints: readonly string[],
  rules: AddressRules,
  resolve: Resolve = (hostname) => lookup(hostname, { all: true }),
): Promise<Map<string, string[]>> {
  const addresses = new Map<string, string[]>();
  for (const endpoint of endpoints) {
    const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, "");
    const found = isIP(host) === 0 ? await resolve(host).catch(() => []) : [{ address: host }];
    for (const { address } of found) {
      const kind = refusedKind(address, rules);
      if (kind !== undefined) throw addressRefused(host === address ? host : `${host} (${address})`, kind);
    }
    if (found.length > 0)
      addresses.set(
        endpoint,
        found.map(({ address }) => address),
      );
  }
  return addresses;
}
