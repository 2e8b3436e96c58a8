import { crdName, KINDS } from "../../../calico/kinds.ts";
import { GUARD_NAMES } from "../../../calico/native/guards.ts";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../../json.ts";
import type { AccessRule } from "../../../kubernetes/access.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { gitOpsAccess } from "../../../kubernetes/gitops/kinds.ts";
import type { ManagerRef } from "../../../kubernetes/gitops/saved-pause.ts";
import { type AccessSubject, calicoAccess, CRDS, objectAccess } from "../../access-parts.ts";
import { isCrd } from "../../manifests.ts";
import { OPERATOR_WEBHOOK } from "../operator-webhook.ts";

const NATIVE_GROUP = "projectcalico.org";
const OLD_GROUP = "crd.projectcalico.org";
const NATIVE_VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"];
/**
 * What is missing of the manifest is created, and that is deleted on the way back; what is there is left as it is. At the end
 * the run takes itself off the fields of what it has created.
 */
const MANIFEST_VERBS = ["get", "create", "patch", "delete"];
/** The workloads that are told which group to use; the last one is the operator's, which tells the others. */
const SWITCHED: readonly (readonly [string, string])[] = [
  ["daemonsets", "calico-node"],
  ["daemonsets", "calico-node-windows"],
  ["deployments", "calico-typha"],
  ["deployments", "calico-kube-controllers"],
  ["deployments", "tigera-operator"],
];
/** Kubernetes' own staged policies have no tier of their own, and belong to the default one. */
const TIERED_POLICIES = NATIVE_KINDS.filter(
  ({ tiered, kind }) => tiered || kind === "StagedKubernetesNetworkPolicy",
);
const API_SERVER = "calico-apiserver";
const MIGRATIONS = { group: "migration.projectcalico.org", resource: "datastoremigrations" };

/** What of a run's options decides which rights it needs wherever it runs. */
export interface RightsInput {
  /** The objects given with the native CRDs. */
  crds: readonly JsonObject[];
  mirrorStatus: boolean;
}

/** What was found on a cluster, and needs rights of its own. */
export interface RightsFound {
  /** Tools that are to be paused. */
  managers: readonly ManagerRef[];
  /** Resources whose owner references are to be carried over, as kubectl names them. */
  dependants: readonly string[];
  /** The names of the CRDs of the old group, all of which the cleanup deletes. */
  oldCrds: readonly string[];
  /** True where the API server asks for rights on objects and owners of those who change owner references. */
  enforcesOwners: boolean;
}

/**
 * What the stages of this migration do to any cluster, forward and backward, as rights. Rights on what is only known once
 * the cluster was looked at are in `foundRules`.
 */
export function accessRules({ crds, mirrorStatus }: RightsInput): AccessRule[] {
  return [
    ...crdRules(),
    ...calicoAccess({ targetGroup: "crd.projectcalico.org/v1" }, ["get", "list", "watch"]),
    { group: OLD_GROUP, resource: "clusterinformations", verb: "update", name: "default" },
    ...calicoAccess({ targetGroup: "projectcalico.org/v3" }, NATIVE_VERBS),
    ...statusRules(),
    ...tierRules(),
    ...apiServiceRules(),
    ...workloadRules(),
    ...webhookRules(),
    ...guardRules(),
    ...lookRules(),
    ...(mirrorStatus ? mirrorRules() : []),
    ...otherCrdRules(
      crds.filter(isCrd).map((crd) => textAt(crd, "metadata", "name")),
      ["patch", "delete"],
    ),
    ...crds.filter((object) => !isCrd(object)).flatMap((object) => objectAccess(object, MANIFEST_VERBS)),
  ];
}

/** The rights that what was found on a cluster asks for besides. */
export function foundRules({ managers, dependants, oldCrds, enforcesOwners }: RightsFound): AccessRule[] {
  const paused = managers.flatMap(({ apiVersion, plural, namespace, name }) =>
    ["get", "patch"].map((verb) => ({
      ...{ group: groupOf(apiVersion), resource: plural, verb, namespace, name },
    })),
  );
  return [
    ...paused,
    ...dependantRules(dependants),
    ...(enforcesOwners ? ownerRules(dependants) : []),
    ...otherCrdRules(oldCrds, ["delete"]),
  ];
}

/** What a run may need, declared before anybody has looked at the cluster. */
export function declaredRules(subject: AccessSubject): AccessRule[] {
  const { manifest, pausesGitOps = true, mirrorStatus = false } = subject;
  const { dependants = [], enforcesOwners = false } = subject;
  return [
    ...accessRules({ crds: manifest, mirrorStatus }),
    ...(pausesGitOps ? gitOpsAccess(["get", "patch"]) : []),
    ...dependantRules(dependants),
    ...(enforcesOwners ? ownerRules(dependants) : []),
  ];
}

function dependantRules(resources: readonly string[]): AccessRule[] {
  return verbsOn(resources, ["list", "get", "patch"]);
}

/** These verbs on resources as kubectl names them. */
function verbsOn(resources: readonly string[], verbs: readonly string[]): AccessRule[] {
  return [...new Set(resources)].flatMap((name) => {
    const [resource = "", ...group] = name.split(".");
    return verbs.map((verb) => ({ group: group.join("."), resource, verb }));
  });
}

/**
 * What the admission plugin OwnerReferencesPermissionEnforcement asks for besides, of those who change owner references. The
 * owners are Calico's objects, of either group.
 */
function ownerRules(dependants: readonly string[]): AccessRule[] {
  const finalizers = { subresource: "finalizers", verb: "update" };
  return [
    ...verbsOn(dependants, ["delete"]),
    ...NATIVE_KINDS.flatMap(({ plural, v1Plural }) => [
      { group: NATIVE_GROUP, resource: plural, ...finalizers },
      { group: OLD_GROUP, resource: v1Plural, ...finalizers },
    ]),
  ];
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

/** Native CRDs are created, get the second version and lose it; the old ones are deleted at the end. */
function crdRules(): AccessRule[] {
  const named = KINDS.filter(({ group }) => group === "crd").flatMap(({ kind }) => [
    ...["patch", "delete"].map((verb) => ({ ...CRDS, verb, name: crdName(kind, "projectcalico.org/v3") })),
    { ...CRDS, verb: "delete", name: crdName(kind, "crd.projectcalico.org/v1") },
  ]);
  return [...["get", "list", "create"].map((verb) => ({ ...CRDS, verb })), ...named];
}

/** These verbs on those CRDs that `crdRules` does not name. */
function otherCrdRules(names: readonly string[], verbs: readonly string[]): AccessRule[] {
  const known = new Set(crdRules().flatMap(({ verb, name }) => (verb === "delete" ? [name] : [])));
  const others = names.filter((name) => !known.has(name));
  return others.flatMap((name) => verbs.map((verb) => ({ ...CRDS, verb, name })));
}

function statusRules(): AccessRule[] {
  return NATIVE_KINDS.filter(({ statusSubresource }) => statusSubresource).map(({ plural }) => ({
    ...{ group: NATIVE_GROUP, resource: plural, subresource: "status", verb: "patch" },
  }));
}

/** The guards of tiers ask for these besides: Calico's webhook, which the operator brings, or policies of ours. (webhooks/pkg/rbac) */
function tierRules(): AccessRule[] {
  return TIERED_POLICIES.flatMap(({ plural }) =>
    ["create", "update", "delete"].map((verb) => ({ group: NATIVE_GROUP, resource: `tier.${plural}`, verb })),
  );
}

function apiServiceRules(): AccessRule[] {
  const place = { group: "apiregistration.k8s.io", resource: nativeApiService.plural };
  const { name } = nativeApiService;
  return [
    { ...place, verb: "create" },
    ...["get", "update", "delete"].map((verb) => ({ ...place, verb, name })),
  ];
}

/** The API server's Deployment is deleted, and created again on the way back: a new object, for which RBAC knows no name. */
function workloadRules(): AccessRule[] {
  const apps = { group: "apps" };
  const deployments = { ...apps, resource: "deployments" };
  return [
    ...["daemonsets", "deployments"].map((resource) => ({ ...apps, resource, verb: "list" })),
    ...SWITCHED.flatMap(([resource, name]) =>
      ["get", "patch"].map((verb) => ({ ...apps, resource, verb, name })),
    ),
    { ...deployments, verb: "create" },
    ...["get", "update", "delete"].map((verb) => ({ ...deployments, verb, name: API_SERVER })),
  ];
}

/** The webhooks that the operator brings are taken away again on the way back. */
function webhookRules(): AccessRule[] {
  const { plural: resource, name } = OPERATOR_WEBHOOK;
  return ["get", "delete"].map((verb) => ({ group: "admissionregistration.k8s.io", resource, verb, name }));
}

/** Admission policies take over what the API server guards; their fields are given back, and they are deleted on the way back. */
function guardRules(): AccessRule[] {
  const group = "admissionregistration.k8s.io";
  return ["validatingadmissionpolicies", "validatingadmissionpolicybindings"].flatMap((resource) => [
    { group, resource, verb: "create" },
    ...GUARD_NAMES.flatMap((name) =>
      ["get", "patch", "delete"].map((verb) => ({ group, resource, verb, name })),
    ),
  ]);
}

/** What preflight and the backup look at, and nothing writes. */
function lookRules(): AccessRule[] {
  const admission = [
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
  ];
  const rbac = ["clusterroles", "roles", "clusterrolebindings", "rolebindings"];
  return [
    { group: "", resource: "namespaces", verb: "list" },
    { group: "", resource: "resourcequotas", verb: "list" },
    { group: "", resource: "services", verb: "get" },
    { group: "", resource: "serviceaccounts", verb: "get" },
    { group: "operator.tigera.io", resource: "installations", verb: "list" },
    { ...MIGRATIONS, verb: "list" },
    ...admission.map((resource) => ({ group: "admissionregistration.k8s.io", resource, verb: "list" })),
    ...rbac.map((resource) => ({ group: "rbac.authorization.k8s.io", resource, verb: "list" })),
    { group: "authorization.k8s.io", resource: "subjectaccessreviews", verb: "create" },
    ...gitOpsAccess(["list"]),
  ];
}

function mirrorRules(): AccessRule[] {
  return [
    ...["get", "create", "delete"].map((verb) => ({ ...MIGRATIONS, verb })),
    { ...MIGRATIONS, subresource: "status", verb: "patch" },
  ];
}
