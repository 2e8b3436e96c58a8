import { z } from "zod";
import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { copyLateChanges } from "../late-changes.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { ASKS_FOR_LATE } from "../recording.ts";
import { ASKS_ABOUT_OTHERS } from "../written-by-others.ts";
import { askAboutOthers } from "./look-again.ts";

/** What the stage notes: how many changes catching up had missed, and up to which revision of etcd nothing differs. */
export const RevisionNotes = z.object({ foundLate: z.int(), comparedUpTo: z.int() });

/** Right before the unlock, nothing that catching up may have missed passes unseen, nor what others have written to the target. */
export const verifyRevisions: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "verify-revisions",
  title: "compare every key's revision in etcd with the one that was copied, and look at the target again",
  changesCluster: true,
  asks: [...ASKS_FOR_LATE, ASKS_ABOUT_OTHERS],
  act: async (context) => {
    const late = await copyLateChanges(context);
    if ("wait" in late) return late;
    const others = await askAboutOthers(context);
    if (others !== undefined) return others;
    const notes = { foundLate: late.found, comparedUpTo: late.comparedUpTo };
    await context.record(notes satisfies z.infer<typeof RevisionNotes>);
    return { done: true };
  },
};
