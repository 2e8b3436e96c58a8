import { z } from "zod";
import type { WaitRequest } from "../../engine/migration.ts";
import { applyAllChanges } from "./apply-changes.ts";
import { type Context, decisions } from "./context.ts";
import { recordDiffering } from "./record-differing.ts";
import { currentRevision } from "./source.ts";

/** How often what differs is copied and everything compared again: whoever goes on writing does so until the lock. */
export const ROUNDS = 3;

const Notes = z.object({ followedTo: z.int().optional() });

/**
 * Copies what was written to the source since it was followed, right before the lock: a person may have taken days to approve it, and
 * what cannot be written, or carried, is to be told while nothing waits.
 */
export async function copyPendingChanges(context: Context): Promise<{ wait: WaitRequest } | undefined> {
  for (let round = 1; round <= ROUNDS; round++) {
    const revision = await currentRevision(context.connections.etcd());
    const differing = await recordDiffering(context, revision);
    if ("wait" in differing) return differing;
    const wait = differing.found === 0 ? undefined : await applyAllChanges(context);
    if (wait !== undefined) return wait;
    await noteFollowed(context, revision);
    if (differing.found === 0 || !differing.again) return undefined;
  }
  return undefined;
}

/** Notes that everything up to this revision of the source is applied: catching up begins there. */
export async function noteFollowed(context: Context, revision: number): Promise<void> {
  await context.record({ followedTo: revision });
}

/** The revision of the source up to which everything was applied before the lock. */
export async function followedTo(context: Context): Promise<number> {
  for (const stage of ["lock", "follow"]) {
    const revision = Notes.parse(await context.notesOf(stage)).followedTo;
    if (revision !== undefined) return revision;
  }
  return (await decisions(context)).pinnedRevision;
}
