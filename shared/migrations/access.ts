import { MigratorError } from "../errors.ts";
import type { AccessRule } from "../kubernetes/access.ts";
import { type AccessSubject, calicoAccess, CRDS, NODE_ANNOTATIONS } from "./access-parts.ts";
import { declaredRules } from "./apiserver-to-crds/preflight/access-rules.ts";
import { accessRules } from "./etcd-to-kubernetes/access-rules.ts";

const GROUPS = ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const;
const API_SERVICES = {
  group: "apiregistration.k8s.io",
  resource: "apiservices",
  name: "v3.projectcalico.org",
};
const ADMISSION = "admissionregistration.k8s.io";
const BESIDE = [
  ...["daemonsets", "deployments"].map((resource) => ({ group: "apps", resource })),
  ...["mutating", "validating"].flatMap((kind) =>
    ["policies", "policybindings"].map((what) => ({ group: ADMISSION, resource: `${kind}admission${what}` })),
  ),
];

/** What each migration does to a Kubernetes cluster: preflight asks whether it may, `rbac` prints what lets it. */
const RULES: Readonly<Record<string, (subject: AccessSubject) => AccessRule[]>> = {
  "etcd-to-kubernetes": accessRules,
  "apiserver-to-crds": declaredRules,
  backup: (subject) => [
    { ...CRDS, verb: "list" },
    ...GROUPS.flatMap((group) => calicoAccess({ ...subject, targetGroup: group }, ["list"])),
    { group: "", resource: "nodes", verb: "list" },
    { ...API_SERVICES, verb: "get" },
  ],
  restore: (subject) => [
    ...["get", "list", "create", "patch", "delete"].map((verb) => ({ ...CRDS, verb })),
    ...GROUPS.flatMap((group) =>
      calicoAccess({ ...subject, targetGroup: group }, ["get", "list", "create", "update", "delete"]),
    ),
    { group: "", resource: "namespaces", verb: "get" },
    { group: "", resource: "nodes", verb: "get" },
    NODE_ANNOTATIONS,
    // What stands beside Calico's data, where a backup has it.
    ...["serviceaccounts", "services"].map((resource) => ({ group: "", resource, verb: "get" })),
    ...BESIDE.flatMap((place) => ["get", "create", "update", "delete"].map((verb) => ({ ...place, verb }))),
    { group: API_SERVICES.group, resource: API_SERVICES.resource, verb: "create" },
    ...["get", "update", "delete"].map((verb) => ({ ...API_SERVICES, verb })),
  ],
};

/** The migrations whose rights are declared. */
export const MIGRATIONS_WITH_ACCESS: readonly string[] = Object.keys(RULES);

/** The rights that a migration needs on a Kubernetes cluster. Throws MIGRATION_UNKNOWN. */
export function accessOf(migration: string, subject: AccessSubject): AccessRule[] {
  const rules = RULES[migration];
  if (rules !== undefined) return rules(subject);
  throw new MigratorError("MIGRATION_UNKNOWN", `there is no migration "${migration}"`, {
    next: `Use one of: ${MIGRATIONS_WITH_ACCESS.join(", ")}.`,
  });
}
