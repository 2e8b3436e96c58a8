import type { TargetGroup } from "../../calico/kinds.ts";
import { kindInfo, targetKind } from "../../calico/kinds.ts";
import type { TargetRef } from "../../calico/target.ts";
import { lockedClusterInformation, readLock, unlockedClusterInformation } from "../../calico/lock.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { type Context, fieldManager } from "./context.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "./target-calls.ts";

/** The target's ClusterInformation, which says whether the datastore may be used. */
export function clusterInformationRef(targetGroup: TargetGroup): TargetRef {
  return { ...targetKind(kindInfo("ClusterInformation"), targetGroup), name: "default" };
}

/**
 * Locks or unlocks the target, and reads it back. Locking marks the lock as this run's; unlocking removes the mark.
 * Throws TARGET_LOCKED_BY_OTHER for a lock of another run, LOCK_NOT_HELD when the target says otherwise afterwards.
 */
export async function setTargetReady(
  context: Context,
  targetGroup: TargetGroup,
  ready: boolean,
): Promise<void> {
  const ref = clusterInformationRef(targetGroup);
  const { runId } = context.run;
  const found = await readTarget(context, ref);
  if (found === undefined) throw lockNotHeld("the target", ready);
  const { lockedBy, ready: present } = readLock(found);
  if (lockedBy !== undefined && lockedBy !== runId) throw lockedByOther(lockedBy);
  if (present === ready && lockedBy === (ready ? undefined : runId)) return;
  await replace(
    context,
    ref,
    ready ? unlockedClusterInformation(found) : lockedClusterInformation(found, runId),
  );
  const after = await readTarget(context, ref);
  if (after === undefined || readLock(after).ready !== ready) throw lockNotHeld("the target", ready);
}

/** Writes only while nobody else has written in between; LOCK_NOT_HELD otherwise, which is tried again. */
async function replace(context: Context, ref: TargetRef, object: JsonObject): Promise<void> {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  try {
    await call(context, () => context.connections.kubernetes.replace(ref, object, options));
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_CONFLICT"))
      throw lockNotHeld("the target", readLock(object).ready === true);
    throw error;
  }
}

function lockedByOther(runId: string): MigratorError {
  return new MigratorError("TARGET_LOCKED_BY_OTHER", `the target is locked by run "${runId}"`, {
    next: `Finish or undo that run first: \`calico-migrator describe ${runId}\`.`,
  });
}

/** A lock that was set does not read back. */
export function lockNotHeld(side: string, ready: boolean): MigratorError {
  const wanted = ready ? "unlocked" : "locked";
  return new MigratorError("LOCK_NOT_HELD", `${side} does not read back as ${wanted}`, {
    next: "See who else writes ClusterInformation `default`, stop it, then `resume`.",
    retryable: true,
  });
}
