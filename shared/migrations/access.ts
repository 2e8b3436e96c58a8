import { MigratorError } from "../errors.ts";
import type { AccessRule } from "../kubernetes/access.ts";
import { type AccessSubject, calicoAccess, CRDS, NODE_ANNOTATIONS } from "./access-parts.ts";
import { declaredRules } from "./apiserver-to-crds/preflight/access-rules.ts";
import { accessRules } from "./etcd-to-kubernetes/access-rules.ts";

/** What each migration does to a Kubernetes cluster: preflight asks whether it may, `rbac` prints what lets it. */
const RULES: Readonly<Record<string, (subject: AccessSubject) => AccessRule[]>> = {
  "etcd-to-kubernetes": accessRules,
  "apiserver-to-crds": declaredRules,
  backup: (subject) => [
    { ...CRDS, verb: "list" },
    ...calicoAccess(subject, ["list"]),
    { group: "", resource: "nodes", verb: "list" },
  ],
  restore: (subject) => [
    { ...CRDS, verb: "get" },
    { ...CRDS, verb: "create" },
    ...calicoAccess(subject, ["get", "create", "update"]),
    { group: "", resource: "nodes", verb: "get" },
    NODE_ANNOTATIONS,
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
