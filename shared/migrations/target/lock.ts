import { lockedClusterInformation, readLock, unlockedClusterInformation } from "../../calico/lock.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import type { LockState } from "../../engine/records.ts";
import { isKubernetesError, KubernetesApiError } from "../../kubernetes/errors.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "./calls.ts";

/** One of the datastores that are locked: what it is called in errors, and their code when another run holds its lock. */
export interface LockedSide {
  name: string;
  lockedByOther: string;
}

/** The field manager of whoever lifts a lock without its run. */
export const WITHOUT_RUN = "calico-migrator";

/** Tells how it stands with the lock of the datastore that pods need. Left out for one that they do not need now. */
export type TellLock = (state: LockState) => Promise<void>;

/**
 * Locks or unlocks a datastore by its ClusterInformation, reads it back and gives it as it is then. Locking marks the lock
 * as this run's; unlocking removes the mark. `tell` is told before the write, and after. Throws the side's code for a lock of
 * another run, LOCK_NOT_HELD when the datastore says otherwise afterwards.
 */
export async function setReady(
  context: AnyContext,
  ref: ObjectRef,
  ready: boolean,
  side: LockedSide,
  tell?: TellLock,
): Promise<JsonObject> {
  const { runId } = context.run;
  const found = await readTarget(context, ref);
  if (found === undefined) throw lockNotHeld(side.name, ready);
  refuseForeignLock(context, found, side);
  const { lockedBy, ready: present } = readLock(found);
  const reached = ready ? "unlocked" : "locked";
  if (present === ready && lockedBy === (ready ? undefined : runId)) {
    await tell?.(reached);
    return found;
  }
  const wanted = ready ? unlockedClusterInformation(found) : lockedClusterInformation(found, runId);
  await toldWrite(ready, tell, () => replaceLock(context, ref, wanted, side));
  const after = await readTarget(context, ref);
  if (after === undefined || readLock(after).ready !== ready) throw lockNotHeld(side.name, ready);
  await tell?.(reached);
  return after;
}

/** Tells before a lock is written or lifted that this is going to happen; a write that was refused has changed nothing. */
export async function toldWrite(
  ready: boolean,
  tell: TellLock | undefined,
  write: () => Promise<void>,
): Promise<void> {
  await tell?.(ready ? "unlocking" : "locking");
  try {
    await write();
  } catch (error) {
    if (error instanceof KubernetesApiError && !error.retryable) await tell?.(ready ? "locked" : "unlocked");
    throw error;
  }
}

/** Throws the side's code when another run holds the lock of this ClusterInformation. */
export function refuseForeignLock({ run }: AnyContext, found: JsonObject, side: LockedSide): void {
  const { lockedBy } = readLock(found);
  if (lockedBy !== undefined && lockedBy !== run.runId) throw lockedByOther(side, lockedBy);
}

/** Writes a ClusterInformation only while nobody else has written in between; LOCK_NOT_HELD otherwise, which is tried again. */
export async function replaceLock(
  context: AnyContext,
  ref: ObjectRef,
  object: JsonObject,
  side: LockedSide,
): Promise<void> {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  try {
    await call(context, () => context.connections.kubernetes.replace(ref, object, options));
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_CONFLICT"))
      throw lockNotHeld(side.name, readLock(object).ready === true);
    throw error;
  }
}

function lockedByOther(side: LockedSide, runId: string): MigratorError {
  return new MigratorError(side.lockedByOther, `${side.name} is locked by run "${runId}"`, {
    next: `Finish or undo that run first (\`calico-migrator describe ${runId}\`), then \`resume\`. A lock that it left when it was given up is lifted with \`calico-migrator unlock --force --side SIDE\`.`,
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
