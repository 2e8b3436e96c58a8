import { resource, resourceKey } from "../../../calico/testing/samples.ts";
import type { JsonObject } from "../../../json.ts";

/** The etcd key of a network policy, by namespace and name. */
export function policyKey(path: string): string {
  return resourceKey("networkpolicies", path);
}

/** The stored value of a network policy. */
export function policyValue(path: string, spec: JsonObject = {}): string {
  return JSON.stringify(resource("NetworkPolicy", path, { selector: "all()", types: ["Ingress"], ...spec }));
}
