import { checkAccess, type DeniedAccess } from "../../../kubernetes/access.ts";
import { keysOfNames } from "../left-out.ts";
import { accessRules, foundRules } from "./access-rules.ts";
import type { Facts } from "./facts.ts";
import { gatherAccounts } from "./gather/accounts.ts";
import { gatherCalicoObjects } from "./gather/calico-objects.ts";
import { type Cluster, ifAllowed } from "./gather/cluster.ts";
import { gatherCrds } from "./gather/crds.ts";
import { gatherDependants } from "./gather/dependants.ts";
import { gatherInventory } from "./gather/inventory.ts";
import { gatherNamespaces } from "./gather/namespaces.ts";
import { isOwnerEnforced } from "./gather/owner-enforcement.ts";
import { gatherQuotas } from "./gather/quotas.ts";
import { gatherRehearsal } from "./gather/rehearsal.ts";
import { gatherVersions } from "./gather/versions.ts";
import { gatherWebhooks } from "./gather/webhooks.ts";
import { gatherWorkloads } from "./gather/workloads.ts";
import { gatherWriters } from "./gather/writers.ts";
import type { PreflightInput } from "./input.ts";

/** Which of the rights that the migration needs on every cluster are missing. With them, everything else can be read. */
export async function gatherAccess(
  cluster: Cluster,
  { crds, mirrorStatus = false }: PreflightInput,
): Promise<Facts["access"]> {
  const rules = accessRules({ crds, mirrorStatus });
  const denied = await checkAccess(cluster.kubernetes, rules, { signal: cluster.signal });
  return { asked: rules.length, denied };
}

/** Looks at a cluster, and changes nothing on it. Throws KubernetesApiError. */
export async function gatherFacts(
  cluster: Cluster,
  input: PreflightInput,
  access: Facts["access"],
): Promise<Facts> {
  const workloads = await gatherWorkloads(cluster);
  const { schemas, ...crds } = await gatherCrds(cluster, input.crds);
  const readable = crds.oldCrds.filter(({ established }) => established).map(({ plural }) => plural);
  const { managers, ...inventory } = await gatherInventory(cluster, readable, {
    schemas,
    namespaces: await gatherNamespaces(cluster),
    quotas: await gatherQuotas(cluster),
    leftOut: keysOfNames([...(input.skip ?? []), ...(input.leftOut ?? [])]),
    mustBeThere: keysOfNames(input.skip ?? []),
  });
  const { first, ...dependants } = await gatherDependants(cluster);
  const rules = foundRules({
    managers: input.gitops === "pause" ? managers.managers : [],
    dependants: input.skipForeignOwnerReferences ? [] : Object.keys(dependants.byResource),
    oldCrds: crds.oldCrds.map(({ name }) => name),
    enforcesOwners: await isOwnerEnforced(cluster, workloads.workloads),
  });
  const denied: DeniedAccess[] = await checkAccess(cluster.kubernetes, rules, { signal: cluster.signal });
  const calico = await gatherCalicoObjects(cluster);
  return {
    ...(await gatherVersions(cluster)),
    ...crds,
    ...inventory,
    ...workloads,
    ...calico,
    manifest: input.crds,
    access: { asked: access.asked + rules.length, denied: [...access.denied, ...denied] },
    accounts: await gatherAccounts(cluster, workloads.workloads),
    webhooks: await ifAllowed(() => gatherWebhooks(cluster)),
    rehearsal: await gatherRehearsal(
      cluster,
      { ...workloads, ...crds, ...calico },
      {
        dependants: input.skipForeignOwnerReferences ? [] : first,
        managers: input.gitops === "pause" ? managers.managers : [],
        manifest: input.crds,
      },
    ),
    writers: await ifAllowed(() => gatherWriters(cluster, workloads.workloads)),
    gitops: { mode: input.gitops, ...managers },
    mirrorStatus: input.mirrorStatus ?? false,
    guards: input.guards ?? "install",
    dependants: { ...dependants, skip: input.skipForeignOwnerReferences },
  };
}
