import type { TargetGroup } from "../../../calico/kinds.ts";
import { readLock } from "../../../calico/lock.ts";
import type { Action } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { readTarget } from "../../target/calls.ts";
import { rehearseBeforeLock, STAYS_IN_SERVICE } from "../../target/rehearse.ts";
import { type Context, decisions, sendFor } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { rehearseSourceWrites } from "../rehearsals.ts";
import { lockSource, readSourceLock } from "../source-lock.ts";
import { clusterInformationRef, LOCKED, setTargetReady } from "../target-lock.ts";
import { backRehearsals } from "./back-rehearsals.ts";
import { isSharedEtcd } from "./shared-etcd.ts";

/**
 * Nobody writes to the Kubernetes datastore while it is carried back. etcd is still locked; or again, where others have used it.
 * First all writes that follow are tried. Throws REHEARSAL_FAILED, ETCD_AUTH, SOURCE_UNLOCKED, with the datastore in service.
 */
export const lockAgain: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "lock-again",
  title: "lock the Kubernetes datastore again",
  lockWindow: "begins",
  act: async (context) => {
    const shared = await isSharedEtcd(context);
    const { targetGroup } = await decisions(context);
    await rehearseWayBack(context);
    // etcd first: where it cannot be reached, or its lock is no longer this run's, the Kubernetes datastore is not
    // locked yet, and pods still start.
    await lockSource(context, () => (shared ? Promise.resolve() : Promise.reject(sourceUnlocked())));
    await setTargetReady(context, targetGroup, false, (state) =>
      context.tellLock(state, shared ? LOCKED.both : LOCKED.target, { side: "kubernetes" }),
    );
    return { done: true };
  },
};

/** True once this has locked it, or where it was never opened: a refusal would leave it locked, so nothing is asked. */
async function isLocked(context: Context, targetGroup: TargetGroup): Promise<boolean> {
  const found = await readTarget(context, clusterInformationRef(targetGroup));
  return found !== undefined && readLock(found).ready === false;
}

/**
 * Tries the locks and all writes after them, and writes nothing: policies, webhooks and roles may be others than when the run
 * began; a refusal inside the lock would leave everything locked, and one after a person was asked would have asked for nothing.
 * Throws REHEARSAL_FAILED, ETCD_AUTH, SOURCE_UNLOCKED, SOURCE_NOT_CALICO, SOURCE_LOCKED_BY_OTHER.
 */
export async function rehearseWayBack(context: Context): Promise<void> {
  if (await isLocked(context, (await decisions(context)).targetGroup)) return;
  const { ours } = await readSourceLock(context);
  if (!ours && !(await isSharedEtcd(context))) throw sourceUnlocked();
  await rehearseSourceWrites(context);
  await rehearseBeforeLock(sendFor(context), await backRehearsals(context), STAYS_IN_SERVICE);
}

function sourceUnlocked(): MigratorError {
  return new MigratorError(
    "SOURCE_UNLOCKED",
    "etcd is no longer locked by this run: somebody may be using it",
    {
      next: "A late rollback would overwrite what was written to etcd since. Where the Kubernetes datastore is right, give the run up with `abandon`; where etcd is, apply Calico's manifest for etcd first.",
    },
  );
}
