/** A resource as the status of a manager names it. */
export interface ResourceName {
  /** Empty for the core group. */
  group: string;
  kind: string;
  namespace: string;
  name: string;
}

const CALICO_GROUP = /(^|\.)(projectcalico\.org|tigera\.io)$/;
const CALICO_NAME = /^(calico|tigera)(-|$)/;
/** Named `<plural>.<group>` and `<version>.<group>`. */
const NAMED_BY_GROUP = new Set(["CustomResourceDefinition", "APIService"]);
const WORKLOADS = new Set(["DaemonSet", "Deployment"]);

/** True for namespaces that hold Calico: calico-system, calico-apiserver, tigera-operator. */
export function isCalicoNamespace(namespace: string): boolean {
  return CALICO_NAME.test(namespace);
}

/**
 * True for what a manager must not touch while Calico is migrated: objects of Calico's and its operator's API groups, their
 * CustomResourceDefinitions and APIServices, Calico's namespaces with all they hold, and its workloads wherever they are.
 */
export function isCalico({ group, kind, namespace, name }: ResourceName): boolean {
  if (CALICO_GROUP.test(group) || isCalicoNamespace(namespace)) return true;
  if (NAMED_BY_GROUP.has(kind)) return CALICO_GROUP.test(name);
  return (WORKLOADS.has(kind) || kind === "Namespace") && CALICO_NAME.test(name);
}
