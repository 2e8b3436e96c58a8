import { crdName, KINDS } from "../../../calico/kinds.ts";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../../json.ts";
import type { AccessRule } from "../../../kubernetes/access.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import { gitOpsAccess } from "../../../kubernetes/gitops/kinds.ts";
import type { ManagerRef } from "../../../kubernetes/gitops/saved-pause.ts";
import { calicoAccess, CRDS, objectAccess } from "../../access-parts.ts";

const CRD_KIND = "CustomResourceDefinition";
const NATIVE_GROUP = "projectcalico.org";
const NATIVE_VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"];
const MANIFEST_VERBS = ["get", "create", "patch", "delete"];
/** The workloads that are switched, and the one that is removed. */
const SWITCHED: readonly (readonly [string, string])[] = [
  ["daemonsets", "calico-node"],
  ["deployments", "calico-typha"],
  ["deployments", "calico-kube-controllers"],
  ["deployments", "calico-apiserver"],
];

/**
 * What the stages of this migration do to the cluster, forward and backward, as rights. The manifest's objects are those
 * given with the native CRDs. Rights on what is only known once the cluster was looked at are in `foundRules`.
 */
export function accessRules(manifest: readonly JsonObject[]): AccessRule[] {
  return [
    ...crdRules(),
    ...calicoAccess("crd.projectcalico.org/v1", ["get", "list", "watch"]),
    ...["update", "patch"].map((verb) => ({
      ...{ group: "crd.projectcalico.org", resource: "clusterinformations", verb, name: "default" },
    })),
    ...calicoAccess("projectcalico.org/v3", NATIVE_VERBS),
    ...statusRules(),
    ...tierRules(),
    ...apiServiceRules(),
    ...workloadRules(),
    ...lookRules(),
    ...manifest.filter(({ kind }) => kind !== CRD_KIND).flatMap((one) => objectAccess(one, MANIFEST_VERBS)),
  ];
}

/** Rights on what was found: tools that are to be paused, and resources whose owner references are to be carried over. */
export function foundRules(managers: readonly ManagerRef[], dependants: readonly string[]): AccessRule[] {
  const paused = managers.flatMap(({ apiVersion, plural, namespace, name }) =>
    ["get", "patch"].map((verb) => ({
      ...{ group: groupOf(apiVersion), resource: plural, verb, namespace, name },
    })),
  );
  const carried = dependants.flatMap((resource) => {
    const [plural = "", ...group] = resource.split(".");
    return ["list", "get", "patch"].map((verb) => ({ group: group.join("."), resource: plural, verb }));
  });
  return [...paused, ...carried];
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

function statusRules(): AccessRule[] {
  return NATIVE_KINDS.filter(({ statusSubresource }) => statusSubresource).flatMap(({ plural }) =>
    ["update", "patch"].map((verb) => ({
      ...{ group: NATIVE_GROUP, resource: plural, subresource: "status", verb },
    })),
  );
}

/** Calico's webhook, which the operator brings with the switch, asks for these besides. (webhooks/pkg/rbac) */
function tierRules(): AccessRule[] {
  return NATIVE_KINDS.filter(({ tiered }) => tiered).flatMap(({ plural }) =>
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

function workloadRules(): AccessRule[] {
  const apps = { group: "apps" };
  return [
    ...["daemonsets", "deployments"].map((resource) => ({ ...apps, resource, verb: "list" })),
    ...SWITCHED.flatMap(([resource, name]) =>
      ["get", "patch"].map((verb) => ({ ...apps, resource, verb, name })),
    ),
    ...["create", "delete"].map((verb) => ({ ...apps, resource: "deployments", verb })),
  ];
}

/** What preflight alone looks at. */
function lookRules(): AccessRule[] {
  const hooks = [
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
    "mutatingadmissionpolicies",
  ];
  return [
    { group: "", resource: "services", verb: "get" },
    { group: "", resource: "serviceaccounts", verb: "get" },
    { group: "operator.tigera.io", resource: "installations", verb: "list" },
    { group: "migration.projectcalico.org", resource: "datastoremigrations", verb: "list" },
    ...hooks.map((resource) => ({ group: "admissionregistration.k8s.io", resource, verb: "list" })),
    { group: "authorization.k8s.io", resource: "subjectaccessreviews", verb: "create" },
    ...gitOpsAccess(["list"]),
  ];
}
