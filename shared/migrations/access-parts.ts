import { KINDS, type TargetGroup, targetKind } from "../calico/kinds.ts";
import type { JsonObject } from "../json.ts";
import type { AccessRule } from "../kubernetes/access.ts";
import { objectAt, textAt } from "../kubernetes/fields.ts";
import { isNamespacedByDefault, pluralOf } from "./access-plurals.ts";

/** What a migration's rights depend on. */
export interface AccessSubject {
  /** The API group that the target keeps Calico's custom resources in. */
  targetGroup: TargetGroup;
  /** Kinds that the target has no CRD for. Default: none. */
  missingKinds?: ReadonlySet<string> | undefined;
  /** The objects of the manifest that the run applies; none without one. */
  manifest: readonly JsonObject[];
  /** The objects of the manifest for the way back; none without one. */
  rollbackManifest: readonly JsonObject[];
  /** False for a run that leaves GitOps tools alone. Default true. */
  pausesGitOps?: boolean | undefined;
  /** True for a run that shows itself as a DatastoreMigration. Default false. */
  mirrorStatus?: boolean | undefined;
  /**
   * The resources, as kubectl names them, with objects that are not Calico's and have owners that are: those whose owner
   * references a run may carry over. Default none.
   */
  dependants?: readonly string[] | undefined;
  /** True for an API server that lets only those change owner references who may delete the object. Default false. */
  enforcesOwners?: boolean | undefined;
}

/** CustomResourceDefinitions, without a verb. */
export const CRDS = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" } as const;

/** Calico writes its annotations on Nodes through the status, and so does a migration. */
export const NODE_ANNOTATIONS: AccessRule = {
  group: "",
  resource: "nodes",
  subresource: "status",
  verb: "patch",
};

/** These verbs on every custom resource of Calico that the target has, as its group names it. */
export function calicoAccess(
  { targetGroup, missingKinds }: Pick<AccessSubject, "targetGroup" | "missingKinds">,
  verbs: readonly string[],
): AccessRule[] {
  const group = targetGroup.slice(0, targetGroup.indexOf("/"));
  const there = KINDS.filter((info) => info.group === "crd" && missingKinds?.has(info.kind) !== true);
  return there.flatMap((info) =>
    verbs.map((verb) => ({ group, resource: targetKind(info, targetGroup).plural, verb })),
  );
}

/**
 * These verbs on one object of a manifest. `create` is asked for the whole resource, since RBAC knows no name of what is not
 * there yet. Roles and bindings need more, or the API server refuses what would give others rights that the writer has
 * not: `escalate` and `bind` (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
 */
export function objectAccess(object: JsonObject, verbs: readonly string[]): AccessRule[] {
  const place = placeOf(object);
  const name = textAt(object, "metadata", "name");
  const rules = verbs.map((verb) => (verb === "create" ? { ...place, verb } : { ...place, verb, name }));
  return [...rules, ...grantAccess(object, place, name)];
}

interface Place {
  group: string;
  resource: string;
  namespace?: string;
}

function placeOf(object: JsonObject): Place {
  const apiVersion = textAt(object, "apiVersion");
  const kind = textAt(object, "kind");
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  const namespace = textAt(object, "metadata", "namespace");
  const place = { group, resource: pluralOf(kind) };
  if (namespace !== "") return { ...place, namespace };
  return isNamespacedByDefault(kind) ? { ...place, namespace: "default" } : place;
}

function grantAccess(object: JsonObject, place: Place, name: string): AccessRule[] {
  switch (object["kind"]) {
    case "Role":
    case "ClusterRole":
      return [{ ...place, verb: "escalate", name }];
    case "RoleBinding":
    case "ClusterRoleBinding": {
      const role = objectAt(object, "roleRef");
      const resource = pluralOf(textAt(role, "kind"));
      return [{ ...place, resource, verb: "bind", name: textAt(role, "name") }];
    }
    default:
      return [];
  }
}
