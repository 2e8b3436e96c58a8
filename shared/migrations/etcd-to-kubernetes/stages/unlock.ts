import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { decisions } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { LOCKED, setTargetReady } from "../target-lock.ts";
import { carryBackStages } from "../undo/carry-back.ts";

/** Opens the target for use. etcd stays locked: nobody may use it any more, and the late way back needs it as it is. */
export const unlock: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "unlock",
  title: "unlock the Kubernetes datastore: Calico acts on it from here on",
  changesCluster: true,
  pointOfNoReturn: true,
  lockWindow: "ends",
  undo: carryBackStages,
  act: async (context) => {
    const { targetGroup } = await decisions(context);
    await setTargetReady(context, targetGroup, true, (state) => context.tellLock(state, LOCKED.both));
    await context.record({ unlockedAt: context.clock.now() });
    return { done: true };
  },
};
