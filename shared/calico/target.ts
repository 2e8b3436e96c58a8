import type { JsonObject } from "../json.ts";
import { invalid } from "./forwarded.ts";
import { type KindInfo, type TargetGroup, targetKind } from "./kinds.ts";
import { nameProblem, namespaceProblem } from "./names.ts";

/** An object of the Kubernetes API, by its coordinates. */
export interface TargetRef {
  readonly kind: string;
  readonly plural: string;
  readonly apiVersion: string;
  /** Left out for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly name: string;
}

/** An object to be written, or as read. */
export interface TargetObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: JsonObject;
}

/** The coordinates of the object that `name` gets in the target group. */
export function targetRef(info: KindInfo, group: TargetGroup, name: string, namespace?: string): TargetRef {
  const target = targetKind(info, group);
  return namespace === undefined ? { ...target, name } : { ...target, namespace, name };
}

/**
 * One canonical text for an object's coordinates: equal exactly when both are the same object of the API server, so
 * that two sources of one target (`default.foo` and `foo`, handles that differ by case) show as a collision.
 * For example `crd.projectcalico.org/v1/networkpolicies/shop/allow-dns`.
 */
export function targetId(ref: TargetRef): string {
  const path = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
  return `${ref.apiVersion}/${ref.plural}/${path}`;
}

/** Refuses coordinates whose name or namespace Kubernetes would refuse: NAME_INVALID, NAMESPACE_INVALID. */
export function refuseName({ kind, name, namespace }: TargetRef): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw invalid("NAME_INVALID", `the name "${name}" of the ${kind} ${problem}`);
  const namespaceIssue = namespace === undefined ? undefined : namespaceProblem(namespace);
  if (namespaceIssue !== undefined) {
    throw invalid(
      "NAMESPACE_INVALID",
      `the namespace "${String(namespace)}" of the ${kind} ${namespaceIssue}`,
    );
  }
}
