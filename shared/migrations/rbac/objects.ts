import type { JsonObject } from "../../json.ts";
import type { AccessRule } from "../../kubernetes/access.ts";
import { policyRules } from "./policy-rules.ts";

/** Whom the rights are for, and what the roles are called. */
export interface RbacSubject {
  migration: string;
  /** Of the service account. */
  namespace: string;
  serviceAccount: string;
}

const API = "rbac.authorization.k8s.io";
const LABELS = { "app.kubernetes.io/name": "calico-migrator" };
/** Namespaces that every cluster has, and that nobody should be told to delete. */
const PRESENT = ["default", "kube-system"];

/**
 * What every authenticated user may do unless a cluster was hardened (`system:basic-user`, `system:discovery`): asking for
 * the own rights, the version, and which kinds there are.
 */
const USUAL_RULES: readonly JsonObject[] = [
  { apiGroups: ["authorization.k8s.io"], resources: ["selfsubjectaccessreviews"], verbs: ["create"] },
  { nonResourceURLs: ["/version", "/api/*", "/apis", "/apis/*"], verbs: ["get"] },
];

/** The service account with its namespace. */
export function accountObjects({ namespace, serviceAccount }: RbacSubject): JsonObject[] {
  const ofNamespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace, labels: LABELS },
  };
  const account = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: serviceAccount, namespace, labels: LABELS },
  };
  return PRESENT.includes(namespace) ? [account] : [ofNamespace, account];
}

/** The ClusterRole with the rights everywhere, and a Role for each namespace with those there. */
export function roleObjects(subject: RbacSubject, rules: readonly AccessRule[]): JsonObject[] {
  const own = policyRules(rules.filter(({ namespace }) => namespace === undefined));
  const clusterRole = { ...header("ClusterRole", subject), rules: [...own, ...USUAL_RULES] };
  const roles = namespacesOf(rules).map((namespace) => ({
    ...header("Role", subject, namespace),
    rules: policyRules(rules.filter((rule) => rule.namespace === namespace)),
  }));
  return [clusterRole, ...roles];
}

/** The bindings of those roles to the service account. */
export function bindingObjects(subject: RbacSubject, rules: readonly AccessRule[]): JsonObject[] {
  const { namespace, serviceAccount } = subject;
  const subjects = [{ kind: "ServiceAccount", name: serviceAccount, namespace }];
  const binding = (kind: string, role: string, where?: string): JsonObject => ({
    ...header(kind, subject, where),
    roleRef: { apiGroup: API, kind: role, name: roleName(subject) },
    subjects,
  });
  return [
    binding("ClusterRoleBinding", "ClusterRole"),
    ...namespacesOf(rules).map((where) => binding("RoleBinding", "Role", where)),
  ];
}

/** A Secret into which the cluster puts a token of the service account that does not expire. */
export function tokenSecret({ namespace, serviceAccount }: RbacSubject): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/service-account-token",
    metadata: {
      name: `${serviceAccount}-token`,
      namespace,
      labels: LABELS,
      annotations: { "kubernetes.io/service-account.name": serviceAccount },
    },
  };
}

function header(kind: string, subject: RbacSubject, namespace?: string): JsonObject {
  const name = roleName(subject);
  const metadata = namespace === undefined ? { name, labels: LABELS } : { name, namespace, labels: LABELS };
  return { apiVersion: `${API}/v1`, kind, metadata };
}

function roleName({ migration }: RbacSubject): string {
  return `calico-migrator-${migration}`;
}

function namespacesOf(rules: readonly AccessRule[]): string[] {
  const named = rules.map(({ namespace }) => namespace).filter((namespace) => namespace !== undefined);
  return [...new Set(named)].sort();
}
