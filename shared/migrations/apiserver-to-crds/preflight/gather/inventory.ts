import { NATIVE_KINDS, type NativeKind } from "../../../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { crdResource } from "../../../../kubernetes/crds.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { findManagers, type Managers } from "../../../../kubernetes/gitops/find-managers.ts";
import type { ResourceRef } from "../../../../kubernetes/types.ts";
import type { Facts } from "../facts.ts";
import type { Cluster } from "./cluster.ts";

const NAMED = 20;

/** What one walk over the metadata of Calico's objects gives. */
export interface Inventory {
  byKind: Facts["byKind"];
  legacyNames: Facts["legacyNames"];
  managers: Managers;
}

/** What is counted on the walk. */
interface Tally {
  byKind: Record<string, number>;
  legacyNames: { count: number; first: string[] };
}

/** Walks the metadata of Calico's objects, its CRDs and its workloads once, a page at a time. Throws KubernetesApiError. */
export async function gatherInventory(cluster: Cluster, plurals: readonly string[]): Promise<Inventory> {
  const { kubernetes, signal } = cluster;
  const tally: Tally = { byKind: {}, legacyNames: { count: 0, first: [] } };
  const managers = await findManagers(kubernetes, calicoPages(cluster, plurals, tally), { signal });
  return { ...tally, managers };
}

async function* calicoPages(
  cluster: Cluster,
  plurals: readonly string[],
  tally: Tally,
): AsyncGenerator<JsonObject[]> {
  yield* pagesOf(cluster, crdResource, (object) => nameOf(object).endsWith("projectcalico.org"));
  for (const plural of ["daemonsets", "deployments"])
    yield* pagesOf(cluster, { apiVersion: "apps/v1", plural }, (object) =>
      /^(calico|tigera)-/.test(nameOf(object)),
    );
  for (const plural of plurals) {
    const kind = NATIVE_KINDS.find(({ v1Plural }) => v1Plural === plural);
    for await (const page of pagesOf(cluster, { apiVersion: "crd.projectcalico.org/v1", plural })) {
      if (kind !== undefined) count(tally, kind, page);
      yield page;
    }
  }
}

async function* pagesOf(
  { kubernetes, signal }: Cluster,
  ref: ResourceRef,
  isWanted: (object: JsonObject) => boolean = () => true,
): AsyncGenerator<JsonObject[]> {
  for await (const page of kubernetes.pages(ref, { metadataOnly: true, signal })) yield page.filter(isWanted);
}

/** Only policies of the tier `default` may have names that begin with it. */
function count(
  { byKind, legacyNames }: Tally,
  { kind, tiered }: NativeKind,
  page: readonly JsonObject[],
): void {
  byKind[kind] = (byKind[kind] ?? 0) + page.length;
  if (!tiered) return;
  for (const name of page.map(nameOf).filter((one) => one.startsWith("default."))) {
    legacyNames.count++;
    if (legacyNames.first.length < NAMED) legacyNames.first.push(`${kind} ${name}`);
  }
}

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata", "name");
}
