import { kindInfo, type TargetGroup } from "../kinds.ts";
import { targetId, targetRef } from "../target.ts";

function idIn(group: TargetGroup, kind: string, namespace: string | undefined, name: string): string {
  return targetId(targetRef(kindInfo(kind), group, name, namespace));
}

/**
 * The id of a v1 object, for example `crd.projectcalico.org/v1/networkpolicies/shop/default.web`.
 *
 * @param kind - as either group names it; KIND_UNKNOWN for anything that is not a kind of Calico
 * @param namespace - undefined for cluster-scoped kinds
 */
export function v1Id(kind: string, namespace: string | undefined, name: string): string {
  return idIn("crd.projectcalico.org/v1", kind, namespace, name);
}

/**
 * The id of a native object, for example `projectcalico.org/v3/networkpolicies/shop/web`. Two v1 objects with one native
 * id collide (`default.web` and `web`; handles that differ by case). Parameters and errors as for v1Id.
 */
export function nativeId(kind: string, namespace: string | undefined, name: string): string {
  return idIn("projectcalico.org/v3", kind, namespace, name);
}
