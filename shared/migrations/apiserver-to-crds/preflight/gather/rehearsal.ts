import type { Found } from "../../workloads.ts";
import type { JsonObject } from "../../../../json.ts";
import { orAbsent } from "../../../../kubernetes/absent.ts";
import type { ManagerRef } from "../../../../kubernetes/gitops/saved-pause.ts";
import { rehearse } from "../../../target/rehearse.ts";
import { admissionRehearsals, dependantRehearsal, pauseRehearsal } from "../../later-rehearsals.ts";
import type { OwnedRecord } from "../../owners/references.ts";
import { lockRehearsals } from "../../rehearsals.ts";
import type { Facts, Workload } from "../facts.ts";
import { installerOf } from "../components.ts";
import { type Cluster, sender } from "./cluster.ts";

const FIELD_MANAGER = "calico-migrator";
/** The API server itself is deleted, and told nothing; the others have nothing to do with the datastore. */
const USERS: ReadonlySet<string> = new Set([
  "calico-kube-controllers",
  "calico-node",
  "calico-node-windows",
  "calico-typha",
]);

/** What belongs to others and is written all the same. */
interface Others {
  /** One of each resource that has dependants. */
  dependants: readonly OwnedRecord[];
  /** The tools that are paused. */
  managers: readonly ManagerRef[];
  /** The manifest, whose admission policies are created late where a broken API server is in their way. */
  manifest: readonly JsonObject[];
}

/** Which of the writes after the lock would be refused. Dry runs, which change nothing. */
export async function gatherRehearsal(
  cluster: Cluster,
  facts: Pick<Facts, "workloads" | "operator" | "installations" | "oldCrds" | "apiService">,
  { dependants, managers, manifest }: Others,
): Promise<Facts["rehearsal"]> {
  const users = facts.workloads.filter(({ name }) => USERS.has(name));
  const operator = installerOf(facts) === "operator" ? facts.operator : undefined;
  const send = sender(cluster);
  const rehearsals = await lockRehearsals(send, {
    fieldManager: FIELD_MANAGER,
    users: await found(cluster, users),
    operator: operator === undefined ? undefined : (await found(cluster, [operator]))[0],
    oldCrds: facts.oldCrds.map(({ name }) => name),
    native: undefined,
  });
  const { kubernetes, signal } = cluster;
  const options = { fieldManager: FIELD_MANAGER };
  const parts = { api: kubernetes, ...options, ensureHeld: () => undefined, signal };
  const isBroken = facts.apiService.served === "aggregated" && !facts.apiService.available;
  return rehearse(send, [
    ...rehearsals,
    ...dependants.map((record) => dependantRehearsal(record, options)),
    ...managers.map((manager) => pauseRehearsal(parts, manager)),
    ...(isBroken ? await admissionRehearsals(kubernetes, manifest, options) : []),
  ]);
}

async function found(cluster: Cluster, workloads: readonly Workload[]): Promise<Found[]> {
  const { signal } = cluster;
  const refs = workloads.map(({ kind, namespace, name }) => ({
    apiVersion: "apps/v1",
    plural: `${kind.toLowerCase()}s`,
    ...{ namespace, name },
  }));
  const objects = await Promise.all(
    refs.map((ref) => orAbsent(sender(cluster)((api) => api.get(ref, { signal })))),
  );
  return refs.flatMap((ref, index) => {
    const object = objects[index];
    return object === undefined ? [] : [{ ref, object }];
  });
}
