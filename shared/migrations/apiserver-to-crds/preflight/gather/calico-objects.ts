import { readLock } from "../../../../calico/lock.ts";
import { orAbsent } from "../../../../kubernetes/absent.ts";
import { nativeApiService } from "../../../../kubernetes/api-services.ts";
import { readApiService } from "../../../../kubernetes/api-services-calls.ts";
import { objectAt, textAt } from "../../../../kubernetes/fields.ts";
import type { JsonObject } from "../../../../json.ts";
import type { Facts, TierFact } from "../facts.ts";
import { type Cluster, objectsOf, sender } from "./cluster.ts";

const OLD = "crd.projectcalico.org/v1";

/** What the checks ask of the old group's objects, and who serves them as projectcalico.org/v3. */
export async function gatherCalicoObjects(
  cluster: Cluster,
): Promise<Pick<Facts, "clusterInformation" | "tiers" | "policyNameMigrator" | "apiService">> {
  const information = await readDefault(cluster, "clusterinformations");
  return {
    clusterInformation: information === undefined ? undefined : readLock(information),
    tiers: await tiersIn(cluster),
    policyNameMigrator: await policyNameMigratorOf(cluster),
    apiService: await readApiService(sender(cluster), nativeApiService),
  };
}

async function readDefault(cluster: Cluster, plural: string): Promise<JsonObject | undefined> {
  const { signal } = cluster;
  const ref = { apiVersion: OLD, plural, name: "default" };
  return orAbsent(sender(cluster)((api) => api.get(ref, { signal })));
}

async function tiersIn(cluster: Cluster): Promise<TierFact[]> {
  const tiers: TierFact[] = [];
  for await (const tier of objectsOf(cluster, { apiVersion: OLD, plural: "tiers" })) {
    const { order, defaultAction } = objectAt(tier, "spec");
    tiers.push({
      name: textAt(tier, "metadata", "name"),
      order: typeof order === "number" ? order : undefined,
      defaultAction: typeof defaultAction === "string" ? defaultAction : undefined,
    });
  }
  return tiers;
}

/** Without a configuration it is on. (kube-controllers/pkg/config, runconfig.go) */
async function policyNameMigratorOf(cluster: Cluster): Promise<Facts["policyNameMigrator"]> {
  const config = await readDefault(cluster, "kubecontrollersconfigurations");
  const mode = textAt(config ?? {}, "spec", "controllers", "migration", "policyNameMigrator");
  return mode === "Disabled" ? "Disabled" : "Enabled";
}
