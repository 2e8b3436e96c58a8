/** Kinds of Kubernetes that live in a namespace: an object of one that names none belongs to `default`. */
const NAMESPACED: ReadonlySet<string> = new Set([
  "ConfigMap",
  "CronJob",
  "DaemonSet",
  "Deployment",
  "Endpoints",
  "Job",
  "LimitRange",
  "PersistentVolumeClaim",
  "Pod",
  "PodDisruptionBudget",
  "ReplicaSet",
  "ResourceQuota",
  "Role",
  "RoleBinding",
  "Secret",
  "Service",
  "ServiceAccount",
  "StatefulSet",
]);

/** True for kinds whose objects are in the namespace `default` when they name none. */
export function isNamespacedByDefault(kind: string): boolean {
  return NAMESPACED.has(kind);
}

/**
 * The plural of a kind in lower case, as paths and roles name it, without asking a cluster: Kubernetes' own rules
 * (`UnsafeGuessKindToResource` of k8s.io/apimachinery), which hold for every kind of Kubernetes and Calico.
 */
export function pluralOf(kind: string): string {
  const singular = kind.toLowerCase();
  if (singular.endsWith("endpoints")) return singular;
  if (singular.endsWith("s")) return `${singular}es`;
  if (singular.endsWith("y")) return `${singular.slice(0, -1)}ies`;
  return `${singular}s`;
}
