import type { JsonObject } from "../../../shared/json.ts";
import { METADATA_ANNOTATION } from "../../../shared/calico/metadata.ts";
import { convertUid } from "../../../shared/calico/uid.ts";
import { objectAt } from "../../../shared/kubernetes/fields.ts";
import type { SeedPlan } from "../../harness/seed/plan.ts";
import { Random } from "../../harness/seed/random.ts";
import { inAnnotation, type OldObject } from "./objects.ts";

/** An object of Calico that owns something, by the names that projectcalico.org/v3 gives it. */
export interface Owner {
  kind: string;
  plural: string;
  namespace?: string;
  name: string;
}

/** An object that is not Calico's and belongs to one of Calico's. */
export interface Dependant {
  /** Of a ConfigMap. */
  namespace: string;
  name: string;
  owner: Owner;
}

/** UIDs of the old group by kind, namespace and name of its objects. */
export class OldUids {
  readonly #uids = new Map<string, string>();

  add({ kind, target }: OldObject, uid: string): void {
    this.#uids.set(keyOf({ ...target, kind }), uid);
  }

  /** The UID of an owner in the old group. Throws an Error where there is no such object. */
  of(owner: Owner): string {
    const uid = this.#uids.get(keyOf(owner));
    if (uid === undefined) throw new Error(`the bed has no ${keyOf(owner)}`);
    return uid;
  }
}

function keyOf({
  kind,
  namespace = "",
  name,
}: Pick<Owner, "kind" | "name"> & { namespace?: string }): string {
  return `${kind}/${namespace}/${name}`;
}

const OWNED_KINDS: ReadonlySet<string> = new Set([
  "GlobalNetworkPolicy",
  "NetworkPolicy",
  "StagedGlobalNetworkPolicy",
  "StagedNetworkPolicy",
  "StagedKubernetesNetworkPolicy",
  "HostEndpoint",
  "NetworkSet",
]);
// Seven in ten objects are of these kinds, so that this share of them makes one in twenty of all.
const OWNED_SHARE = 0.075;

/** The object of Calico that an object of Calico belongs to, if any. Global sets own, and are not owned. */
export function ownerOf({ kind, target, object }: OldObject, plan: SeedPlan): Owner | undefined {
  const random = new Random("owner", kind, target.namespace ?? "", target.name);
  const annotated = objectAt(object, "metadata", "annotations")[METADATA_ANNOTATION] !== undefined;
  if (!annotated || !OWNED_KINDS.has(kind) || !random.chance(OWNED_SHARE)) return undefined;
  if (random.chance(0.3)) return { kind: "Tier", plural: "tiers", name: "platform" };
  return globalSet(random.below(plan.globalNetworkSets));
}

/**
 * The object with its owner as Calico stores it: in the metadata annotation, by the UID of the old group. One reference
 * in five names the new group, as versions did that showed the UID of the old group.
 */
export function owned(old: OldObject, owner: Owner, uids: OldUids): OldObject {
  const { kind, name } = owner;
  const older = new Random("reference", old.kind, old.target.name).chance(0.2);
  const apiVersion = older ? "projectcalico.org/v3" : "crd.projectcalico.org/v1";
  const reference = { apiVersion, kind, name, uid: uids.of(owner) };
  const object = inAnnotation(old.object, (inner) => ({ ...inner, ownerReferences: [reference] }));
  return { ...old, object };
}

/** The ConfigMaps that belong to objects of Calico, one for a hundred resources: of global sets and host endpoints. */
export function dependants(plan: SeedPlan): Dependant[] {
  return Array.from({ length: Math.max(4, Math.round(plan.resources / 100)) }, (_, index) => ({
    namespace: plan.namespaces[index % plan.namespaces.length] ?? "default",
    name: `owned-by-calico-${index}`,
    owner: index % 2 === 0 ? globalSet(index % plan.globalNetworkSets) : hostEndpoint(index, plan),
  }));
}

/** Every third has an owner of its own before that of Calico, and some flags that must not get lost. */
export function configMap(
  { namespace, name, owner }: Dependant,
  uids: OldUids,
  settings: string,
): JsonObject {
  const { kind, name: ownerName } = owner;
  const index = Number(/\d+$/.exec(name)?.[0] ?? 0);
  const uid = convertUid(uids.of(owner));
  const calico = {
    apiVersion: "projectcalico.org/v3",
    kind,
    name: ownerName,
    uid,
    controller: index % 4 === 0,
  };
  const other = {
    apiVersion: "v1",
    kind: "ConfigMap",
    name: SETTINGS,
    uid: settings,
    blockOwnerDeletion: true,
  };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace, ownerReferences: index % 3 === 0 ? [other, calico] : [calico] },
    data: { owner: `${kind}/${ownerName}` },
  };
}

/** The name of the ConfigMap, in every namespace, that owns some dependants as well. */
export const SETTINGS = "app-settings";

function globalSet(index: number): Owner {
  return {
    kind: "GlobalNetworkSet",
    plural: "globalnetworksets",
    name: `set-${String(index).padStart(5, "0")}`,
  };
}

function hostEndpoint(index: number, { nodes, hostEndpoints }: SeedPlan): Owner {
  const number = index % Math.min(nodes.length, hostEndpoints);
  return { kind: "HostEndpoint", plural: "hostendpoints", name: `node-${number}-eth0` };
}
