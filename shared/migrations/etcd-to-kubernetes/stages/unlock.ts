import type { Action, StageOutcome, WaitRequest } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, decisions } from "../context.ts";
import { copyLateChanges, haveHomesMoved, isWrittenSince } from "../late-changes.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { ASKS_FOR_LATE } from "../recording.ts";
import { LOCKED, setTargetReady } from "../target-lock.ts";
import { liftSourceLock } from "../undo/unlock-etcd.ts";
import { carryBackStages } from "../undo/carry-back.ts";
import { ASKS_ABOUT_OTHERS } from "../written-by-others.ts";
import { askAboutOthers } from "./look-again.ts";
import { RevisionNotes } from "./verify-revisions.ts";

/**
 * Opens the target for use. etcd stays locked: nobody may use it any more, and the late way back needs it as it is. Unless others
 * go on using it: for them it is unlocked, once Kubernetes does not need it.
 */
export const unlock: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "unlock",
  title: "unlock the Kubernetes datastore: Calico acts on it from here on",
  changesCluster: true,
  pointOfNoReturn: true,
  lockWindow: "ends",
  undo: carryBackStages,
  asks: [...ASKS_FOR_LATE, ASKS_ABOUT_OTHERS],
  act: async (context) => {
    // Once it may be open, Calico writes to it, and nothing of etcd is copied any more.
    if (context.notes["opening"] !== true) {
      await context.record({ opening: false });
      const outcome = await lookOnceMore(context);
      if ("wait" in outcome) return outcome;
      await context.record({ opening: true });
    }
    const { targetGroup } = await decisions(context);
    await setTargetReady(context, targetGroup, true, (state) => context.tellLock(state, LOCKED.both));
    await context.record({ unlockedAt: context.clock.now() });
    if (context.options.othersOnEtcd === "unlock") {
      await context.record({ leftToOthers: true });
      await liftSourceLock(context);
    }
    return { done: true };
  },
};

/**
 * A person may have taken days to approve: what was written to etcd meanwhile is copied, and what went with its namespace; and
 * what others have written to the target is asked about, as before.
 */
async function lookOnceMore(context: Context): Promise<StageOutcome> {
  const late = await copyWrittenSince(context);
  return late ?? (await askAboutOthers(context)) ?? { done: true };
}

async function copyWrittenSince(context: Context): Promise<{ wait: WaitRequest } | undefined> {
  const compared = RevisionNotes.safeParse(await context.notesOf("verify-revisions"));
  const isSame = compared.success && !(await isWrittenSince(context, compared.data.comparedUpTo));
  if (isSame && !(await haveHomesMoved(context))) return undefined;
  const late = await copyLateChanges(context);
  return "wait" in late ? late : undefined;
}
