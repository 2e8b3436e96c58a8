import { CALICO_PREFIX } from "../../calico/keys.ts";
import type { WaitRequest } from "../../engine/migration.ts";
import { MigratorError } from "../../errors.ts";
import { EtcdCompactedError } from "../../etcd/errors.ts";
import { applyAllChanges, areChangesLeft } from "./apply-changes.ts";
import { concerns, isMadeAgain } from "./source-changes.ts";
import type { Context } from "./context.ts";
import { recordDiffering } from "./record-differing.ts";
import { Recording } from "./recording.ts";
import { lockSource } from "./source-lock.ts";

/** How often what differs is copied and everything compared again, before a person is asked who goes on writing. */
const ROUNDS = 3;

/** What a comparison of all keys has found and copied, and up to which revision of the source it holds. */
export interface LateChanges {
  found: number;
  comparedUpTo: number;
}

/**
 * Compares the revision of every key of etcd with the one that was copied, whatever catching up has said, until none differs:
 * what does is copied as it is now. Only keys are read. Throws SOURCE_STILL_WRITTEN where somebody goes on writing.
 */
export async function copyLateChanges(context: Context): Promise<LateChanges | { wait: WaitRequest }> {
  let found = 0;
  for (let round = 1; ; round++) {
    const comparedUpTo = await renewLock(context);
    const differing = await recordDiffering(context, comparedUpTo);
    if ("wait" in differing) return differing;
    if (differing.found === 0 && !(await areChangesLeft(context))) return { found, comparedUpTo };
    if (round > ROUNDS && differing.named.length > 0) throw stillWritten(differing.named);
    found += differing.found;
    const wait = await applyAllChanges(context);
    if (wait !== undefined) return wait;
    if (!differing.again) return { found, comparedUpTo };
  }
}

/** True when something was written to the source after this revision, or nobody can tell. */
export async function isWrittenSince(context: Context, revision: number): Promise<boolean> {
  const throughRevision = await renewLock(context);
  const query = { prefix: CALICO_PREFIX, afterRevision: revision, throughRevision, signal: context.signal };
  try {
    for await (const change of context.connections.etcd().changes(query))
      if (concerns(change) && !isMadeAgain(change.key)) return true;
  } catch (error) {
    if (error instanceof EtcdCompactedError) return true;
    throw error;
  }
  return false;
}

/**
 * True when namespaces or Nodes have come or gone so that something has to be copied, or to be asked about; also what an earlier
 * look has recorded, and nobody has copied since.
 */
export async function haveHomesMoved(context: Context): Promise<boolean> {
  const recording = new Recording(context, 0);
  await recording.recordHomes();
  return (await recording.finish()) !== 0 || (await areChangesLeft(context));
}

/** Writes the lock again, which must still be this run's. @returns the revision of that write. */
export function renewLock(context: Context): Promise<number> {
  return lockSource(context, () => Promise.reject(lockLost()));
}

/** Somebody goes on writing to the locked source. */
export function stillWritten(named: readonly string[]): MigratorError {
  return new MigratorError(
    "SOURCE_STILL_WRITTEN",
    `somebody goes on writing to etcd in spite of the lock: ${named.join("; ")}`,
    { next: "Stop whoever writes these keys, then `resume`; or undo the run with `rollback`." },
  );
}

function lockLost(): MigratorError {
  return new MigratorError(
    "SOURCE_LOCK_LOST",
    "etcd is no longer locked: somebody has unlocked it during the run",
    {
      next: "Undo the run with `rollback`: what Calico did meanwhile may not be in the copy. Then start again.",
    },
  );
}
