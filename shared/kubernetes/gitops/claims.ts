import type { JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../fields.ts";
import { isCalico, isCalicoNamespace, type ResourceName } from "./subject.ts";

/** What a manager says that it manages. */
interface Claims {
  /** Where the list stands, for people. */
  field: string;
  resources: readonly ResourceName[];
  /** Where the namespace stands, for people. */
  namespaceField: string;
  namespace: string;
}

/** The workspace of Fleet whose only cluster is the one that Fleet itself runs in. */
const FLEET_LOCAL = "fleet-local";

/**
 * Why a manager, by what it says itself, manages something of Calico in this cluster: one sentence each; none when it does
 * not. A manager that works on another cluster claims nothing here.
 */
export function claimsOnCalico(kind: string, object: JsonObject): string[] {
  const claims = claimsOf(kind, object);
  if (claims === undefined) return [];
  const named = claims.resources.filter(isCalico).map((one) => `${claims.field} names ${describe(one)}`);
  const into = isCalicoNamespace(claims.namespace);
  return into ? [...named, `${claims.namespaceField} is ${claims.namespace}`] : named;
}

function claimsOf(kind: string, object: JsonObject): Claims | undefined {
  switch (kind) {
    case "Application":
      return worksHere(object) ? applicationClaims(object) : undefined;
    case "Kustomization":
    case "HelmRelease":
      return "kubeConfig" in objectAt(object, "spec") ? undefined : fluxClaims(kind, object);
    case "Bundle":
      return textAt(object, "metadata", "namespace") === FLEET_LOCAL ? bundleClaims(object) : undefined;
    case "BundleDeployment":
      return localDeployment(object) ? deploymentClaims(object) : undefined;
    default:
      return undefined;
  }
}

/** Argo CD's names for the cluster that it runs in (KubernetesInternalAPIServerAddr, KubernetesInClusterName). */
function worksHere(application: JsonObject): boolean {
  const server = textAt(application, "spec", "destination", "server");
  const name = textAt(application, "spec", "destination", "name");
  return server === "https://kubernetes.default.svc" || name === "in-cluster" || server + name === "";
}

/** `status.resources`: group, version, kind, namespace, name of all that the Application holds (type ResourceStatus). */
function applicationClaims(application: JsonObject): Claims {
  return {
    field: "status.resources",
    resources: objectsAt(application, "status", "resources").map((one) => named(one, textAt(one, "group"))),
    namespaceField: "spec.destination.namespace",
    namespace: textAt(application, "spec", "destination", "namespace"),
  };
}

/**
 * `status.inventory.entries[].id`, `<namespace>_<name>_<group>_<kind>`; HelmReleases have it only of late, and install into
 * their own namespace where no other is given.
 * (https://fluxcd.io/flux/components/kustomize/kustomizations/#inventory, HelmRelease.GetReleaseNamespace)
 */
function fluxClaims(kind: string, object: JsonObject): Claims {
  const entries = objectsAt(object, "status", "inventory", "entries");
  const target = textAt(object, "spec", "targetNamespace");
  const itsOwn = kind === "HelmRelease" && target === "";
  return {
    field: "status.inventory",
    resources: entries.map((entry) => inventoryName(textAt(entry, "id"))),
    namespaceField: itsOwn ? "metadata.namespace" : "spec.targetNamespace",
    namespace: itsOwn ? textAt(object, "metadata", "namespace") : target,
  };
}

/** Read from both ends, as names may hold `__` for a colon (ParseObjMetadata of fluxcd/cli-utils). */
function inventoryName(id: string): ResourceName {
  const parts = id.split("_");
  return {
    namespace: parts[0] ?? "",
    name: parts.slice(1, -2).join("_").replaceAll("__", ":"),
    group: parts.at(-2) ?? "",
    kind: parts.at(-1) ?? "",
  };
}

/** `status.resourceKey`, which newer versions of Fleet leave empty, and the namespace of BundleDeploymentOptions. */
function bundleClaims(bundle: JsonObject): Claims {
  const namespace = textAt(bundle, "spec", "namespace");
  return {
    field: "status.resourceKey",
    resources: objectsAt(bundle, "status", "resourceKey").map(versioned),
    namespaceField: namespace === "" ? "spec.defaultNamespace" : "spec.namespace",
    namespace: namespace === "" ? textAt(bundle, "spec", "defaultNamespace") : namespace,
  };
}

function localDeployment(deployment: JsonObject): boolean {
  return textAt(deployment, "metadata", "labels", "fleet.cattle.io/cluster-namespace") === FLEET_LOCAL;
}

/** `status.resources`: what is deployed, by the history of the Helm release (type BundleDeploymentStatus). */
function deploymentClaims(deployment: JsonObject): Claims {
  const resources = objectsAt(deployment, "status", "resources").map(versioned);
  return { field: "status.resources of its BundleDeployment", resources, namespaceField: "", namespace: "" };
}

function versioned(resource: JsonObject): ResourceName {
  const apiVersion = textAt(resource, "apiVersion");
  return named(resource, apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "");
}

function named(resource: JsonObject, group: string): ResourceName {
  return {
    group,
    kind: textAt(resource, "kind"),
    namespace: textAt(resource, "namespace"),
    name: textAt(resource, "name"),
  };
}

function describe({ kind, namespace, name }: ResourceName): string {
  return `${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}
