import { resourcePath } from "../../../shared/kubernetes/paths.ts";
import { textAt } from "../../../shared/kubernetes/fields.ts";
import { type KindInfo, kindInfo, targetKind } from "../../../shared/calico/kinds.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { inParallel } from "../../harness/parallel.ts";
import type { SeedPlan } from "../../harness/seed/plan.ts";
import { type OldObject, oldObjects } from "./objects.ts";
import {
  configMap,
  type Dependant,
  dependants,
  owned,
  OldUids,
  type Owner,
  ownerOf,
  SETTINGS,
} from "./owners.ts";

const WIDTH = 16;

/** What was written of the old group, and what hangs on it. */
export interface Written {
  /** How many objects of each kind, by their names in projectcalico.org/v3. */
  counts: ReadonlyMap<string, number>;
  /** How many of them belong to another one. */
  owned: number;
  dependants: readonly Dependant[];
}

/** Creates namespaces, the objects of the old group, and the ConfigMaps that belong to some of them. */
export async function writeOldGroup(api: TestApi, plan: SeedPlan): Promise<Written> {
  const uids = new OldUids();
  const counts = new Map<string, number>();
  const later: { old: OldObject; owner: Owner }[] = [];
  const settings = await prepareNamespaces(api, plan.namespaces);
  await inParallel(oldObjects(plan), WIDTH, async (old) => {
    const { kind } = targetKind(infoOf(old), "projectcalico.org/v3");
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const owner = ownerOf(old, plan);
    if (owner === undefined) uids.add(old, await create(api, old));
    else later.push({ old, owner });
  });
  await inParallel(later, WIDTH, async ({ old, owner }) => {
    uids.add(old, await create(api, owned(old, owner, uids)));
  });
  const hanging = dependants(plan);
  await inParallel(hanging, WIDTH, async (each) => {
    const object = configMap(each, uids, settings.get(each.namespace) ?? "");
    await mustRequest(api, "POST", `/api/v1/namespaces/${each.namespace}/configmaps`, object);
  });
  return { counts, owned: later.length, dependants: hanging };
}

async function prepareNamespaces(api: TestApi, namespaces: readonly string[]): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  await inParallel(namespaces, WIDTH, async (name) => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    await mustRequest(api, "POST", "/api/v1/namespaces", namespace, { accepted: [409] });
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: SETTINGS }, data: {} };
    const made = await mustRequest(api, "POST", `/api/v1/namespaces/${name}/configmaps`, object);
    settings.set(name, textAt(made, "metadata", "uid"));
  });
  return settings;
}

async function create(api: TestApi, old: OldObject): Promise<string> {
  const { name, ...collection } = old.target;
  const path = resourcePath(collection);
  const { status } = old;
  const made = await mustRequest(
    api,
    "POST",
    path,
    status === undefined ? old.object : { ...old.object, status },
  );
  if (status !== undefined && infoOf(old).statusSubresource) {
    // Of Calico 3.32, most old kinds have no such subresource: there the status was created with the object.
    const options = { contentType: "application/merge-patch+json", accepted: [404] };
    await mustRequest(api, "PATCH", `${path}/${name}/status`, { status }, options);
  }
  return textAt(made, "metadata", "uid");
}

function infoOf({ kind }: OldObject): KindInfo {
  return kindInfo(kind);
}
