import type { Action, Gate } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { usesNativeGroup } from "../api-group.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { releaseOperator } from "./hold-operator.ts";
import { switchBack, switchWorkload } from "../switch-workload.ts";
import { datastoreUsers, operatorRef, workloadName } from "../workloads.ts";

const POLL_MS = 2000;

const undoSwitch: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "switch-operator-back",
  title: "let the operator install Calico for the group again that it was told to use",
  act: async (context) => {
    await switchBack(context, "switch-operator");
    return { done: true };
  },
};

const operatorBack: Gate<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "gate",
  name: "await-operator-back",
  title: "wait until the operator has told Calico's workloads to use the old group again",
  deadlineMs: ({ rolloutDeadlineMs }) => rolloutDeadlineMs,
  check: async (context) => {
    if ((await operatorRef(context)) === undefined) return { done: true };
    const users = await datastoreUsers(context);
    const left = users.filter(({ object }) => usesNativeGroup(object)).map(({ ref }) => workloadName(ref));
    if (left.length === 0) return { done: true };
    const message = `still told to use the native group: ${left.join(", ")}`;
    return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
  },
};

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
  undo: [undoSwitch, operatorBack],
  act: async (context) => {
    const ref = await operatorRef(context);
    if (ref !== undefined) await switchWorkload(context, ref);
    await releaseOperator(context);
    return { done: true };
  },
};
