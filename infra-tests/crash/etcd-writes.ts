import { resource, resourceKey } from "../../shared/calico/testing/samples.ts";
import type { JsonObject } from "../../shared/json.ts";
import { type EtcdAddress, withEtcdClient } from "../harness/etcd-kv.ts";

/** The etcd key of a network policy, by namespace and name. */
export function policyKey(path: string): string {
  return resourceKey("networkpolicies", path);
}

/** Puts network policies, or deletes them where there is no spec. */
export async function writePolicies(
  etcd: EtcdAddress,
  policies: Record<string, JsonObject | null>,
): Promise<void> {
  await withEtcdClient(etcd, async (client) => {
    for (const [path, spec] of Object.entries(policies)) {
      const value = { selector: "all()", types: ["Ingress"], ...spec };
      if (spec === null) await client.delete().key(policyKey(path));
      else await client.put(policyKey(path)).value(JSON.stringify(resource("NetworkPolicy", path, value)));
    }
  });
}

/** Lets etcd forget everything before its present revision. */
export async function compact(etcd: EtcdAddress): Promise<void> {
  await withEtcdClient(etcd, async (client) => {
    const { header } = await client.getAll().prefix("/calico/").limit(1).exec();
    await client.kv.compact({ revision: header.revision, physical: false });
  });
}
