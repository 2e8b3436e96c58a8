import type { Action } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, decisions } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { lockSource } from "../source-lock.ts";
import { LOCKED, setTargetReady } from "../target-lock.ts";

/** Nobody writes to the Kubernetes datastore while it is carried back. etcd is still locked; or again, where others have used it. */
export const lockAgain: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "lock-again",
  title: "lock the Kubernetes datastore again",
  lockWindow: "begins",
  act: async (context) => {
    const shared = await isSharedEtcd(context);
    // etcd first: where it cannot be reached, or is no longer this run's, pods go on to start.
    await lockSource(context, () => (shared ? Promise.resolve() : Promise.reject(sourceUnlocked())));
    const { targetGroup } = await decisions(context);
    await setTargetReady(context, targetGroup, false, (state) =>
      context.tellLock(state, shared ? LOCKED.both : LOCKED.target, { side: "kubernetes" }),
    );
    return { done: true };
  },
};

function sourceUnlocked(): MigratorError {
  return new MigratorError(
    "SOURCE_UNLOCKED",
    "etcd is no longer locked by this run: somebody may be using it",
    {
      next: "A late rollback would overwrite what was written to etcd since. Where the Kubernetes datastore is right, give the run up with `abandon`; where etcd is, apply Calico's manifest for etcd first.",
    },
  );
}

/** True where others have used etcd since the unlock. */
export async function isSharedEtcd(context: Context): Promise<boolean> {
  return (await context.notesOf("unlock"))["leftToOthers"] === true;
}
