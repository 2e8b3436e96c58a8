import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { releaseOperator } from "../operator-hold.ts";
import { noteWebhook, removeOperatorWebhook } from "../operator-webhook.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { switchWorkload } from "../switch-workload.ts";
import { stopOperator } from "../undo/operator-back.ts";
import { operatorRef } from "../workloads.ts";

/**
 * Makes the operator switch Calico to the native group: by CALICO_API_GROUP in its own Deployment, which it reads when it
 * starts before it looks at anything else (tigera/operator, pkg/apis/version.go), and which it sets itself, to restart,
 * once a DatastoreMigration is Converged (setAPIGroupEnvVar in pkg/controller/apiserver). There is none here.
 *
 * Only after the unlock. The operator that has switched brings a webhook that lets nobody but Calico's components write
 * ClusterInformation, so the native group could not be unlocked any more; and its new pods (the webhook's, and those of
 * kube-controllers) could not start, as the CNI plugin refuses while the datastore is locked. It is upstream's order too.
 * The old group stays locked: a node goes on only when its calico-node was replaced, and nobody writes to both groups.
 */
export const switchOperator: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "switch-operator",
  title: "start the operator with the native group, where it installs Calico",
  changesCluster: true,
  undo: [stopOperator, removeOperatorWebhook],
  act: async (context) => {
    const ref = await operatorRef(context);
    if (ref !== undefined) {
      await noteWebhook(context);
      await switchWorkload(context, ref);
    }
    await releaseOperator(context);
    return { done: true };
  },
};
