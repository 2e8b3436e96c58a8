import type { JsonObject } from "../../../json.ts";
import { ADMISSION_GROUP, type AdmissionVersion } from "../../../kubernetes/admission.ts";

/** What the fake cluster serves besides Calico: kinds by API version, with their plurals; `namespaced` are those in namespaces. */
const SERVED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  v1: { ConfigMap: "configmaps", Namespace: "namespaces", Node: "nodes" },
  "apps/v1": { DaemonSet: "daemonsets", Deployment: "deployments" },
  "apiextensions.k8s.io/v1": { CustomResourceDefinition: "customresourcedefinitions" },
  "apiregistration.k8s.io/v1": { APIService: "apiservices" },
  "argoproj.io/v1alpha1": { Application: "applications" },
};
const NAMESPACED = new Set(["configmaps", "daemonsets", "deployments", "applications"]);
const VALIDATING = {
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "validatingadmissionpolicybindings",
};
const MUTATING = {
  MutatingAdmissionPolicy: "mutatingadmissionpolicies",
  MutatingAdmissionPolicyBinding: "mutatingadmissionpolicybindings",
};

/** The answer to a request for discovery, of a cluster with this version of mutating policies; undefined for what is not served. */
export function discoveryOf(path: string, mutating: AdmissionVersion): JsonObject | undefined {
  const served = servedWith(mutating);
  if (path === "/apis") return { groups: groupNames(served).map((name) => groupOf(served, name)) };
  const [, root, ...rest] = path.split("/");
  if (rest.length === 1 && root === "apis") {
    const group = rest[0] ?? "";
    return groupNames(served).includes(group) ? groupOf(served, group) : undefined;
  }
  const kinds = served[rest.join("/")];
  if (kinds === undefined) return undefined;
  const resources = Object.entries(kinds).map(([kind, name]) => ({
    ...{ kind, name, namespaced: NAMESPACED.has(name), verbs: ["list", "patch"] },
  }));
  return { resources };
}

/** True for an admission resource that is served in this version. */
export function servesAdmission(apiVersion: string, plural: string, mutating: AdmissionVersion): boolean {
  const isMutating = Object.values<string>(MUTATING).includes(plural);
  return apiVersion === `${ADMISSION_GROUP}/${isMutating ? mutating : "v1"}`;
}

function servedWith(mutating: AdmissionVersion): typeof SERVED {
  const stable = { ...VALIDATING, ...(mutating === "v1" ? MUTATING : {}) };
  const unstable = mutating === "v1" ? {} : { [`${ADMISSION_GROUP}/${mutating}`]: MUTATING };
  return { ...SERVED, [`${ADMISSION_GROUP}/v1`]: stable, ...unstable };
}

function groupNames(served: typeof SERVED): string[] {
  const versions = Object.keys(served).filter((one) => one.includes("/"));
  return [...new Set(versions.map((one) => one.slice(0, one.indexOf("/"))))];
}

function groupOf(served: typeof SERVED, name: string): JsonObject {
  const versions = Object.keys(served)
    .filter((one) => one.startsWith(`${name}/`))
    .map((groupVersion) => ({ groupVersion, version: groupVersion.slice(name.length + 1) }));
  return { name, versions, preferredVersion: versions[0] ?? {} };
}
