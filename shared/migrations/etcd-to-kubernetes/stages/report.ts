import { iso, listed, lockTotals, readResources, reportStage, verification } from "../../report.ts";
import { type Context, decisions, resources, uncarried } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { notedLedger } from "../written-by-others.ts";

/** Writes down what moved, how long the datastore was locked, and what was not carried. */
export const report = reportStage<EtcdToKubernetesOptions, object>({ compose });

const KEEP_ETCD =
  "etcd is still locked by this run, for a late rollback. Keep it until you are sure, then decommission it.";
const LEFT_TO_OTHERS =
  "etcd is unlocked again for whoever else uses it. The two datastores know nothing of each other: give each its own IP pools, and once you are sure delete from etcd what is Kubernetes' own.";

async function compose(context: Context): Promise<object> {
  const { targetGroup, pinnedRevision } = await decisions(context);
  const { moved, conflicts } = await readResources(resources(context));
  return {
    targetGroup,
    pinnedRevision,
    moved,
    lock: await lockTimes(context),
    verification: await verification(context),
    foundLate: (await context.notesOf("verify-revisions"))["foundLate"] ?? 0,
    uncarried: await listed(uncarried(context), ({ key, detail }) => ({ key, ...detail }), ["pending"]),
    conflicts,
    writtenByOthers: await listed(
      notedLedger(context),
      ({ target, detail }) => ({ target, reason: detail["reason"] }),
      ["conflict", "pending"],
    ),
    next: [
      context.options.othersOnEtcd === "unlock" ? LEFT_TO_OTHERS : KEEP_ETCD,
      "Change the datastore in your installer's inventory too (kubespray: calico_datastore: kdd), or it will be put back.",
    ],
  };
}

/**
 * Times of the lock. `lockedMs` is all of it, of that `forPersonMs` waiting for a person and `forRolloutMs` the switch and its
 * rollout. `windowMs` is from the lock to ready for the switch, plus the unlock; the rollout stands apart.
 */
async function lockTimes(context: Context): Promise<object> {
  const { lockedAt } = await context.notesOf("lock");
  const { unlockedAt } = await context.notesOf("unlock");
  const began = (stage: string): Promise<number | undefined> =>
    context.stageOf(stage).then((s) => s?.startedAt);
  const rollout = await context.stageOf("rollout");
  const [switchedAt, unlockBegan] = [await began("switch"), await began("unlock")];
  if (typeof lockedAt !== "number" || typeof unlockedAt !== "number") return {};
  if (switchedAt === undefined || unlockBegan === undefined) return {};
  return {
    lockedAt: iso(lockedAt),
    unlockedAt: iso(unlockedAt),
    windowMs: switchedAt - lockedAt + (unlockedAt - unlockBegan),
    rolloutMs: unlockBegan - switchedAt,
    ...lockTotals(context),
    ...(rollout?.finishedAt === undefined ? {} : { forRolloutMs: rollout.finishedAt - switchedAt }),
  };
}
