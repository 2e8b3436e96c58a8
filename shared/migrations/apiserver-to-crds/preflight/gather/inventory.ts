import { NATIVE_KINDS, type NativeKind } from "../../../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { crdResource } from "../../../../kubernetes/crds.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { findManagers, type Managers } from "../../../../kubernetes/gitops/find-managers.ts";
import type { ResourceRef } from "../../../../kubernetes/types.ts";
import type { Facts } from "../facts.ts";
import type { Cluster } from "./cluster.ts";
import { type Held, noneHeld, tallyHeld } from "./finalizers.ts";
import { readsOf } from "../../../target/reads.ts";
import { NameList } from "./name-list.ts";
import { type Found, ObjectJudge, type Surroundings } from "./object-judge.ts";

const OLD = "crd.projectcalico.org/v1";

/** What one walk over Calico's objects gives. */
export interface Inventory extends Pick<
  Facts,
  "byKind" | "legacyNames" | "conversions" | "objects" | "held" | "deleting"
> {
  managers: Managers;
}

/** What is counted on the walk. */
interface Tally extends Held {
  byKind: Record<string, number>;
  legacyNames: NameList;
  judge: ObjectJudge;
}

/** Walks Calico's objects, its CRDs and its workloads once, a page at a time. Throws KubernetesApiError. */
export async function gatherInventory(
  cluster: Cluster,
  plurals: readonly string[],
  surroundings: Surroundings,
): Promise<Inventory> {
  const judge = new ObjectJudge(surroundings);
  const tally: Tally = { byKind: {}, legacyNames: new NameList(), judge, ...noneHeld() };
  const managers = await walk(cluster, plurals, async (plural, kind, page) => {
    const found = kind === undefined ? undefined : count(tally, kind, page);
    if (found !== undefined) await cluster.keep?.(found);
    tallyHeld(tally, kind?.v1Kind ?? plural, page);
  });
  const { byKind, held, deleting, legacyNames } = tally;
  return { byKind, held, deleting, legacyNames: legacyNames.listed(), ...judge.facts(), managers };
}

/** The GitOps tools that manage Calico's objects, its CRDs or its workloads. Throws KubernetesApiError. */
export function gatherManagers(cluster: Cluster, plurals: readonly string[]): Promise<Managers> {
  return walk(cluster, plurals);
}

/** Sees every page of the old group; objects that will be converted are read whole, to try that. */
type Look = (plural: string, kind: NativeKind | undefined, page: readonly JsonObject[]) => Promise<void>;

function walk(cluster: Cluster, plurals: readonly string[], look?: Look): Promise<Managers> {
  const { kubernetes, signal } = cluster;
  return findManagers(kubernetes, calicoPages(cluster, plurals, look), { signal });
}

async function* calicoPages(
  cluster: Cluster,
  plurals: readonly string[],
  look: Look | undefined,
): AsyncGenerator<JsonObject[]> {
  const { signal } = cluster;
  yield* pagesOf(cluster, crdResource, (object) => nameOf(object).endsWith("projectcalico.org"));
  for (const plural of ["daemonsets", "deployments"])
    yield* pagesOf(cluster, { apiVersion: "apps/v1", plural }, (object) =>
      /^(calico|tigera)-/.test(nameOf(object)),
    );
  for (const plural of plurals) {
    const kind = NATIVE_KINDS.find(({ v1Plural }) => v1Plural === plural);
    const metadataOnly = kind === undefined || look === undefined;
    for await (const page of readsOf(cluster).pages({ apiVersion: OLD, plural }, { metadataOnly, signal })) {
      await look?.(plural, kind, page);
      yield page;
    }
  }
}

async function* pagesOf(
  cluster: Cluster,
  ref: ResourceRef,
  isWanted: (object: JsonObject) => boolean = () => true,
): AsyncGenerator<JsonObject[]> {
  const options = { metadataOnly: true, signal: cluster.signal };
  for await (const page of readsOf(cluster).pages(ref, options)) yield page.filter(isWanted);
}

/** Only policies of the tier `default` may have names that begin with it. */
function count({ byKind, legacyNames, judge }: Tally, info: NativeKind, page: readonly JsonObject[]): Found {
  const { kind, tiered } = info;
  byKind[kind] = (byKind[kind] ?? 0) + page.length;
  for (const object of page)
    if (tiered && nameOf(object).startsWith("default.")) legacyNames.add(`${kind} ${nameOf(object)}`);
  return judge.page(info, page);
}

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata", "name");
}
