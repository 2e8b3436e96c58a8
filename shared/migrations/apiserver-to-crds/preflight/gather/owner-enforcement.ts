import { isKubernetesError, KubernetesApiError } from "../../../../kubernetes/errors.ts";
import { objectsAt, textAt } from "../../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../../kubernetes/types.ts";
import type { Workload } from "../facts.ts";
import { type Cluster, sender } from "./cluster.ts";

/** An owner that need not exist: the admission plugin asks only whether its finalizers may be set. */
const OWNER = {
  apiVersion: "v1",
  kind: "ConfigMap",
  name: "calico-migrator-probe",
  uid: "5d3c3f2e-6f0b-4c07-9d1c-0a4f6d6f7a11",
  blockOwnerDeletion: true,
};
/** What the plugin says, and nothing else that forbids a write. (plugin/pkg/admission/gc, gcPermissionsEnforcement) */
const REFUSAL = /cannot set (an ownerRef|blockOwnerDeletion)/;

/**
 * True where the API server lets only those change owner references who may delete the object, and update the finalizers of
 * an owner whose deletion it blocks (OwnerReferencesPermissionEnforcement, as on OpenShift), and the user may not do so
 * everywhere. Finds it out by a dry run on calico-node, which changes nothing; where that cannot be tried, false.
 */
export async function isOwnerEnforced(cluster: Cluster, workloads: readonly Workload[]): Promise<boolean> {
  const node = workloads.find(({ kind, name }) => kind === "DaemonSet" && name === "calico-node");
  if (node === undefined) return false;
  const { namespace, name } = node;
  const ref: ObjectRef = { apiVersion: "apps/v1", plural: "daemonsets", namespace, name };
  const send = sender(cluster);
  try {
    const found = await send((api) => api.get(ref));
    const ownerReferences = [...objectsAt(found, "metadata", "ownerReferences"), OWNER];
    const resourceVersion = textAt(found, "metadata", "resourceVersion");
    const patch = { metadata: { resourceVersion, ownerReferences } };
    await send((api) => api.patch(ref, patch, { type: "merge", dryRun: true }));
    return false;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_FORBIDDEN")) return REFUSAL.test(error.message);
    // A webhook that cannot do dry runs, or a write of somebody else's in between.
    if (error instanceof KubernetesApiError && error.status >= 400 && error.status < 500) return false;
    throw error;
  }
}
