import { z } from "zod";
import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { unlockSource } from "../source-lock.ts";
import { LOCKED } from "../target-lock.ts";

const Locked = z.object({ before: z.string() });

/** Gives etcd back to Calico, exactly as it was locked. */
export const unlockEtcd: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "unlock-etcd",
  title: "unlock etcd, if the lock is this run's",
  lockWindow: "ends",
  act: async (context) => {
    if (Locked.safeParse(await context.notesOf("lock")).success) {
      await context.tellLock("unlocking", LOCKED.both);
      await liftSourceLock(context);
      await context.tellLock("unlocked", LOCKED.both, { side: "etcd" });
    }
    return { done: true };
  },
};

/** Puts back what etcd's ClusterInformation was before this run locked it, if the lock is this run's. Repeatable. */
export async function liftSourceLock(context: Context): Promise<void> {
  const locked = Locked.safeParse(await context.notesOf("lock"));
  if (locked.success) await unlockSource(context, locked.data.before);
}
