import type { JsonObject } from "../../../json.ts";

/** What the fake cluster serves besides Calico: kinds by API version, with their plurals; `namespaced` are those in namespaces. */
const SERVED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  v1: { ConfigMap: "configmaps", Namespace: "namespaces", Node: "nodes" },
  "apps/v1": { DaemonSet: "daemonsets", Deployment: "deployments" },
  "apiextensions.k8s.io/v1": { CustomResourceDefinition: "customresourcedefinitions" },
  "apiregistration.k8s.io/v1": { APIService: "apiservices" },
  "admissionregistration.k8s.io/v1": {
    MutatingAdmissionPolicy: "mutatingadmissionpolicies",
    MutatingAdmissionPolicyBinding: "mutatingadmissionpolicybindings",
    ValidatingAdmissionPolicy: "validatingadmissionpolicies",
    ValidatingAdmissionPolicyBinding: "validatingadmissionpolicybindings",
  },
  "argoproj.io/v1alpha1": { Application: "applications" },
};
const NAMESPACED = new Set(["configmaps", "daemonsets", "deployments", "applications"]);

/** The answer to a request for discovery; undefined for what is not served. */
export function discoveryOf(path: string): JsonObject | undefined {
  if (path === "/apis") return { groups: groupNames().map(groupOf) };
  const [, root, ...rest] = path.split("/");
  if (rest.length === 1 && root === "apis") {
    const group = rest[0] ?? "";
    return groupNames().includes(group) ? groupOf(group) : undefined;
  }
  const kinds = SERVED[rest.join("/")];
  if (kinds === undefined) return undefined;
  const resources = Object.entries(kinds).map(([kind, name]) => ({
    ...{ kind, name, namespaced: NAMESPACED.has(name), verbs: ["list", "patch"] },
  }));
  return { resources };
}

function groupNames(): string[] {
  const versions = Object.keys(SERVED).filter((one) => one.includes("/"));
  return versions.map((one) => one.slice(0, one.indexOf("/")));
}

function groupOf(name: string): JsonObject {
  const groupVersion = Object.keys(SERVED).find((one) => one.startsWith(`${name}/`)) ?? "";
  const version = { groupVersion, version: groupVersion.slice(name.length + 1) };
  return { name, versions: [version], preferredVersion: version };
}
