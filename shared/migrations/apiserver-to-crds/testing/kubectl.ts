import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { FakeCluster } from "./fake-cluster.ts";

const COMMAND = /`kubectl delete ([a-z]+)\.([a-z0-9]+)\.([a-z.]+) (\S+?)(?: --namespace (\S+?))?`/g;

/** The objects that an advice has kubectl delete, each under the name that it says. */
export function toBeDeleted(advice: string): ObjectRef[] {
  return Array.from(
    advice.matchAll(COMMAND),
    ([, plural = "", version = "", group = "", name = "", namespace]) => ({
      ...{ apiVersion: `${group}/${version}`, plural, name },
      ...(namespace === undefined ? {} : { namespace }),
    }),
  );
}

/** Does what an advice says with kubectl, which reaches what the API server shows under these names. */
export async function deleteAsAdvised(cluster: FakeCluster, advice: string): Promise<void> {
  for (const ref of toBeDeleted(advice)) await cluster.delete(ref);
}
