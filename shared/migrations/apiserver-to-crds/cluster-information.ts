import { z } from "zod";
import { lockedClusterInformation, readLock, unlockedClusterInformation } from "../../calico/lock.ts";
import { convertUid } from "../../calico/uid.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../../json.ts";
import { isKubernetesError, KubernetesApiError } from "../../kubernetes/errors.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { fieldManager } from "../context.ts";
import { callOverConflicts, deleteTarget, readTarget, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import {
  type LockedSide,
  refuseForeignLock,
  replaceLock,
  setReady,
  type TellLock,
  toldWrite,
} from "../target/lock.ts";
import { MigratorError } from "../../errors.ts";
import type { Context } from "./context.ts";

const PLURAL = "clusterinformations";

/** Where the old group's lock is. */
export const OLD_LOCK: ObjectRef = {
  apiVersion: "crd.projectcalico.org/v1",
  plural: PLURAL,
  name: "default",
};

const OLD: LockedSide = { name: "the old group", lockedByOther: "SOURCE_LOCKED_BY_OTHER" };
const NATIVE: LockedSide = { name: "the native group", lockedByOther: "TARGET_LOCKED_BY_OTHER" };

const kept = z.custom<JsonObject>(isJsonObject);

/** What is recorded before each lock is taken, so that it can be lifted exactly as it was found. */
const Locks = z.object({
  oldBefore: kept.optional(),
  /** Null where there was none: the one that is there is this run's. */
  nativeBefore: kept.nullable().optional(),
  nativeUid: z.string().optional(),
});

/** Where the native group's lock is, in the version through which it can be reached now. */
export function nativeLock(apiVersion: string): ObjectRef {
  return { apiVersion, plural: PLURAL, name: "default" };
}

/** The UIDs of both groups' ClusterInformation, as far as they are locked by this run. */
export async function lockedUids(
  context: Context,
): Promise<{ old: string | undefined; native: string | undefined }> {
  const { oldBefore, nativeUid } = await locks(context);
  return {
    old: oldBefore === undefined ? undefined : textAt(oldBefore, "metadata", "uid"),
    native: nativeUid,
  };
}

/** Both groups' ClusterInformation as it was found before it was locked; undefined where there was none, or it was never locked. */
export async function lockedBefore(
  context: Context,
): Promise<{ old: JsonObject | undefined; native: JsonObject | undefined }> {
  const { oldBefore, nativeBefore } = await locks(context);
  return { old: oldBefore, native: nativeBefore ?? undefined };
}

/** Locks the old group with this run's mark, and reads it back. Throws SOURCE_LOCKED_BY_OTHER, LOCK_NOT_HELD, LOCK_MISSING. */
export async function lockOld(context: Context): Promise<void> {
  const found = await readTarget(context, OLD_LOCK);
  if (found === undefined) throw noClusterInformation();
  refuseForeignLock(context, found, OLD);
  const { oldBefore } = await locks(context);
  if (oldBefore === undefined) await context.record({ oldBefore: found });
  await setReady(context, OLD_LOCK, false, OLD, teller(context, "crd.projectcalico.org"));
}

/**
 * Locks the native group with this run's mark, and reads it back; where it has no ClusterInformation it gets the old
 * group's, locked. `apiVersion` is the one through which native objects are reached now. Throws TARGET_LOCKED_BY_OTHER,
 * LOCK_NOT_HELD, and NATIVE_NOT_SERVED where an aggregated API server shows the old group's.
 */
export async function lockNative(context: Context, apiVersion: string): Promise<void> {
  const ref = nativeLock(apiVersion);
  const found = await readTarget(context, ref);
  if (found !== undefined && (await isOldLock(context, found))) throw notNative();
  if (found === undefined) {
    await context.record({ nativeBefore: null });
    if (!(await createLocked(context, ref))) return lockNative(context, apiVersion);
  } else {
    refuseForeignLock(context, found, NATIVE);
    const { nativeBefore } = await locks(context);
    if ((nativeBefore ?? null) === null && readLock(found).lockedBy === undefined)
      await context.record({ nativeBefore: found });
  }
  const locked = await setReady(context, ref, false, NATIVE);
  if (await isOldLock(context, locked)) throw notNative();
  await context.record({ nativeUid: textAt(locked, "metadata", "uid") });
}

/**
 * Opens or locks the native group once it is served as projectcalico.org/v3, and reads it back. Throws as `lockNative`, and
 * NATIVE_NOT_SERVED where projectcalico.org/v3 shows another object, as an aggregated API server does that was put back.
 */
export async function setNativeReady(context: Context, ready: boolean): Promise<void> {
  const ref = nativeLock("projectcalico.org/v3");
  const found = await readTarget(context, ref);
  const { nativeUid } = await locks(context);
  if (found !== undefined && textAt(found, "metadata", "uid") !== nativeUid) throw notNative();
  await setReady(context, ref, ready, NATIVE, teller(context, "projectcalico.org"));
}

/** True once the native group is locked, or where it was never opened. */
export async function isNativeLocked(context: Context): Promise<boolean> {
  const found = await readTarget(context, nativeLock("projectcalico.org/v3"));
  return found !== undefined && readLock(found).ready === false;
}

/** Lifts this run's lock of the old group, exactly as it was found; does nothing where it holds none. */
export async function unlockOld(context: Context): Promise<void> {
  const { oldBefore } = await locks(context);
  if (oldBefore === undefined) return;
  const tell = teller(context, "crd.projectcalico.org");
  await putBack(context, OLD_LOCK, oldBefore, OLD, tell);
  await tell("unlocked");
}

/**
 * Takes this run's lock of the native group away: its ClusterInformation is deleted where this run has created it. Nothing
 * is done where `apiVersion` shows the old group's, as an aggregated API server does.
 */
export async function removeNativeLock(context: Context, apiVersion: string): Promise<void> {
  const { nativeBefore } = await locks(context);
  const ref = nativeLock(apiVersion);
  const found = await readTarget(context, ref);
  if (nativeBefore === undefined || (found !== undefined && (await isOldLock(context, found)))) return;
  if (nativeBefore !== null) return putBack(context, ref, nativeBefore, NATIVE);
  if (found !== undefined && readLock(found).lockedBy === context.run.runId)
    await deleteTarget(context, ref, textAt(found, "metadata", "uid"));
}

/** The group that pods need is told; both may be locked. */
function teller(context: Context, group: "crd.projectcalico.org" | "projectcalico.org"): TellLock {
  return (state) => context.tellLock(state, group, { group });
}

/** True for the old group's ClusterInformation, under the UID that it has or that an aggregated API server shows. */
async function isOldLock(context: Context, found: JsonObject): Promise<boolean> {
  const { old } = await lockedUids(context);
  const uid = textAt(found, "metadata", "uid");
  return old !== undefined && (uid === old || uid === convertUid(old));
}

/**
 * True for what Calico's own webhook says, which the operator brings with native CRDs: nobody but Calico's components may
 * write ClusterInformation. (webhooks/pkg/clusterinfo)
 */
export function isRefused(error: unknown): error is KubernetesApiError {
  return error instanceof KubernetesApiError && (error.status === 403 || error.status === 405);
}

/** The native group may be locked only once its API is served, by the stage after the one that locks the old group. */
async function locks(context: Context): Promise<z.infer<typeof Locks>> {
  const [lock, removal] = await Promise.all(
    ["lock", "remove-apiservice"].map((stage) => context.notesOf(stage)),
  );
  return Locks.parse({ ...lock, ...removal });
}

/** False when somebody else was quicker. */
async function createLocked(context: Context, { apiVersion, plural, name }: ObjectRef): Promise<boolean> {
  const old = await readTarget(context, OLD_LOCK);
  if (old === undefined) throw noClusterInformation();
  const bare = { apiVersion, kind: "ClusterInformation", metadata: { name }, spec: objectAt(old, "spec") };
  const object = lockedClusterInformation(bare, context.run.runId);
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  try {
    await callOverConflicts(context, () =>
      context.connections.kubernetes.create({ apiVersion, plural }, object, options),
    );
    return true;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) return false;
    throw error;
  }
}

/** As it was found where nobody else has written since; else only the lock is lifted. A lock that is not this run's is left alone. */
async function putBack(
  context: Context,
  ref: ObjectRef,
  before: JsonObject,
  side: LockedSide,
  tell?: TellLock,
): Promise<void> {
  const { runId } = context.run;
  const found = await readTarget(context, ref);
  if (found === undefined || readLock(found).lockedBy !== runId) return;
  const untouched = contentOf(found) === contentOf(lockedClusterInformation(before, runId));
  const wanted = untouched ? before : lifted(found, before);
  const { resourceVersion } = objectAt(found, "metadata");
  const { managedFields, ...metadata } = objectAt(wanted, "metadata");
  const { apiVersion } = ref;
  const object = { ...wanted, apiVersion, metadata: { ...metadata, resourceVersion } };
  await toldWrite(true, tell, () => replaceLock(context, ref, object, side));
}

function lifted(found: JsonObject, before: JsonObject): JsonObject {
  const unlocked = unlockedClusterInformation(found);
  return readLock(before).ready === false
    ? { ...unlocked, spec: { ...objectAt(unlocked, "spec"), datastoreReady: false } }
    : unlocked;
}

/** What a person or a program has written, without what the API server adds. */
function contentOf(object: JsonObject): string {
  const { resourceVersion, generation, managedFields, ...metadata } = objectAt(object, "metadata");
  const { apiVersion, ...content } = object;
  return canonicalJson({ ...content, metadata });
}

function notNative(): MigratorError {
  return new MigratorError(
    "NATIVE_NOT_SERVED",
    "projectcalico.org/v3 does not show the native group's ClusterInformation",
    {
      next: "See who has put the APIService v3.projectcalico.org back, stop that, then `resume`.",
      retryable: true,
    },
  );
}

function noClusterInformation(): MigratorError {
  return new MigratorError("LOCK_MISSING", "the old group has no ClusterInformation `default`", {
    next: "See that calico-node runs, which creates it, then `resume`.",
  });
}
