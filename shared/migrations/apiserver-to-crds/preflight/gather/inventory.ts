import { NATIVE_KINDS, type NativeKind } from "../../../../calico/native/native-kinds.ts";
import { toNative } from "../../../../calico/native/to-native.ts";
import type { JsonObject } from "../../../../json.ts";
import { crdResource } from "../../../../kubernetes/crds.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { findManagers, type Managers } from "../../../../kubernetes/gitops/find-managers.ts";
import type { PagesOptions, ResourceRef } from "../../../../kubernetes/types.ts";
import type { Facts, Listed } from "../facts.ts";
import type { Cluster } from "./cluster.ts";
import { type Held, noneHeld, tallyHeld } from "./finalizers.ts";
import { readsOf } from "../../../target/reads.ts";

const OLD = "crd.projectcalico.org/v1";
const NAMED = 20;

/** What one walk over Calico's objects gives. */
export interface Inventory extends Pick<
  Facts,
  "byKind" | "legacyNames" | "conversions" | "held" | "deleting"
> {
  managers: Managers;
}

/** What is counted on the walk. */
interface Tally extends Held {
  byKind: Record<string, number>;
  legacyNames: NameList;
  conversions: { changed: NameList; broken: NameList };
}

type NameList = Listed & { first: string[] };

/** Walks Calico's objects, its CRDs and its workloads once, a page at a time. Throws KubernetesApiError. */
export async function gatherInventory(cluster: Cluster, plurals: readonly string[]): Promise<Inventory> {
  const { kubernetes, signal } = cluster;
  const conversions = { changed: nobody(), broken: nobody() };
  const tally: Tally = { byKind: {}, legacyNames: nobody(), conversions, ...noneHeld() };
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
    const ref = { apiVersion: OLD, plural };
    for await (const page of readsOf(cluster).pages(ref, wholeOf(cluster, kind))) {
      if (kind !== undefined) count(tally, kind, page);
      tallyHeld(tally, kind?.v1Kind ?? plural, page);
      yield page;
    }
  }
}

/** Objects that will be converted are read whole, to try that. */
function wholeOf({ signal }: Cluster, kind: NativeKind | undefined): PagesOptions {
  return { metadataOnly: kind === undefined, signal };
}

async function* pagesOf(
  cluster: Cluster,
  ref: ResourceRef,
  isWanted: (object: JsonObject) => boolean = () => true,
): AsyncGenerator<JsonObject[]> {
  const options = { metadataOnly: true, signal: cluster.signal };
  for await (const page of readsOf(cluster).pages(ref, options)) yield page.filter(isWanted);
}

function count(tally: Tally, info: NativeKind, page: readonly JsonObject[]): void {
  const { byKind } = tally;
  byKind[info.kind] = (byKind[info.kind] ?? 0) + page.length;
  for (const object of page) judge(tally, info, object);
}

/** Only policies of the tier `default` may have names that begin with it. */
function judge(
  { legacyNames, conversions }: Tally,
  { kind, v1Kind, tiered }: NativeKind,
  object: JsonObject,
): void {
  if (tiered && nameOf(object).startsWith("default.")) add(legacyNames, `${kind} ${nameOf(object)}`);
  const native = toNative({ ...object, apiVersion: OLD, kind: v1Kind });
  const namespace = textAt(object, "metadata", "namespace");
  const place = `${kind} ${namespace === "" ? "" : `${namespace}/`}${nameOf(object)}`;
  if (native.outcome === "broken") add(conversions.broken, `${place} (${native.reason})`);
  else if (native.changes !== undefined) add(conversions.changed, place);
}

function nobody(): NameList {
  return { count: 0, first: [] };
}

function add(list: NameList, name: string): void {
  list.count++;
  if (list.first.length < NAMED) list.first.push(name);
}

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata", "name");
}
