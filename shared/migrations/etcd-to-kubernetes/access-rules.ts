import { crdName, crdNames } from "../../calico/kinds.ts";
import type { AccessRule } from "../../kubernetes/access.ts";
import { type AccessSubject, calicoAccess, CRDS, NODE_ANNOTATIONS, objectAccess } from "../access-parts.ts";
import { isCrd } from "../manifests.ts";
import { USUAL_WORKLOADS } from "./workloads.ts";

const CUSTOM_RESOURCE_VERBS = ["get", "list", "create", "update", "delete"];
/** What the switch applies is read before, and put back or deleted on the way back. */
const SWITCH_VERBS = ["get", "create", "patch", "update", "delete"];
/** What the manifest for the way back holds is applied, and belongs to nobody of this run afterwards. */
const APPLY_VERBS = ["get", "create", "patch"];

/**
 * What the stages of this migration do to the cluster, forward and backward, as rights; each one once. Names are left out
 * where the objects are known only at run time.
 */
export function accessRules(subject: AccessSubject): AccessRule[] {
  const { manifest, rollbackManifest } = subject;
  const rules = [
    ...calicoAccess(subject, CUSTOM_RESOURCE_VERBS),
    ...coreRules(),
    ...USUAL_WORKLOADS.map(({ plural, namespace, name }) => ({
      ...{ group: "apps", resource: plural, verb: "get", namespace, name },
    })),
    ...(manifest.some(isCrd) ? crdRules(subject) : []),
    ...manifest.filter((object) => !isCrd(object)).flatMap((object) => objectAccess(object, SWITCH_VERBS)),
    ...rollbackManifest.flatMap((object) => objectAccess(object, APPLY_VERBS)),
  ];
  return [...new Map(rules.map((rule) => [ruleId(rule), rule])).values()];
}

function coreRules(): AccessRule[] {
  const core = { namespaces: ["list", "get"], pods: ["list", "get"], nodes: ["list", "get"] };
  return [
    ...Object.entries(core).flatMap(([resource, verbs]) =>
      verbs.map((verb) => ({ group: "", resource, verb })),
    ),
    NODE_ANNOTATIONS,
    { ...CRDS, verb: "list" },
    { ...CRDS, verb: "get" },
  ];
}

/** Calico's CRDs are applied where they are missing, and those are deleted on the way back. */
function crdRules({ targetGroup, missingKinds = new Set() }: AccessSubject): AccessRule[] {
  const missing = new Set([...missingKinds].map((kind) => crdName(kind, targetGroup)));
  const named = crdNames(targetGroup)
    .filter((name) => !missing.has(name))
    .flatMap((name) => ["patch", "delete"].map((verb) => ({ ...CRDS, verb, name })));
  return [{ ...CRDS, verb: "create" }, ...named];
}

function ruleId({ group, resource, subresource = "", verb, namespace = "", name = "" }: AccessRule): string {
  return [group, resource, subresource, verb, namespace, name].join("|");
}
