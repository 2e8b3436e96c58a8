import type { Checkpoint } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { isLeaving, leavingText } from "./leaving.ts";
import { deleteIfOurs, isOurs, NODE_FIELD_MANAGER } from "./ownership.ts";
import type { Rehearsal } from "./rehearse.ts";
import { call, callOverConflicts, deleteCopy, orAbsent, readTarget, WRITE_TIMEOUT_MS } from "./calls.ts";

const TRIES = 5;
const DRY = { dryRun: true, timeoutMs: WRITE_TIMEOUT_MS } as const;
const NODE_WRITE = { type: "merge", subresource: "status", fieldManager: NODE_FIELD_MANAGER } as const;

/**
 * Takes a resource out of the target again: an object that this run created is deleted, what this run changed gets back
 * what it was, anything else is left alone. Safe to repeat.
 */
export async function removeTarget(
  context: AnyContext,
  checkpoint: Checkpoint,
  ref: ObjectRef,
): Promise<void> {
  const { before, kind, created } = detailOf(checkpoint);
  if (!(await wasWritten(context, checkpoint, ref))) return;
  if (kind === "Node") return isJsonObject(before) ? restoreNode(context, ref, before) : undefined;
  if (isJsonObject(before)) return restoreObject(context, ref, before);
  if (created === true && checkpoint.targetUid !== undefined)
    return deleteCopy(context, ref, checkpoint.targetUid);
  return deleteIfOurs(context, ref);
}

/** Replacing an object by a person's decision may not have come about: then it is not this run's to put back. */
async function wasWritten(context: AnyContext, checkpoint: Checkpoint, ref: ObjectRef): Promise<boolean> {
  if (detailOf(checkpoint).resolved !== "source" || checkpoint.targetUid !== undefined) return true;
  const found = await readTarget(context, ref);
  return found !== undefined && isOurs(context, found);
}

/** The write of `removeTarget` to an object that is there, as a dry run. */
export function removalRehearsal(context: AnyContext, checkpoint: Checkpoint, ref: ObjectRef): Rehearsal {
  const { before, kind } = detailOf(checkpoint);
  if (kind === "Node")
    return {
      what: `put the annotations of Node ${ref.name} back`,
      try: (api) => api.patch(ref, nodeBody(isJsonObject(before) ? before : {}), { ...NODE_WRITE, ...DRY }),
    };
  if (isJsonObject(before)) return restoreRehearsal(context, ref, before);
  return { what: `delete ${placeOf(ref)}`, try: (api) => api.delete(ref, DRY) };
}

/** The write of `restoreObject`, as a dry run. */
export function restoreRehearsal(context: AnyContext, ref: ObjectRef, before: JsonObject): Rehearsal {
  const options = { fieldManager: fieldManager(context), ...DRY };
  return {
    what: `put ${placeOf(ref)} back`,
    try: async (api) => {
      const found = await orAbsent(api.get(ref));
      if (found === undefined) return api.create(ref, restoredAt(ref, before), options);
      if (isLeaving(found)) throw beingDeleted(ref, found);
      return api.replace(ref, restoredAt(ref, before, textAt(found, "metadata", "resourceVersion")), options);
    },
  };
}

function placeOf({ plural, namespace, name }: ObjectRef): string {
  return `${plural} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

async function restoreNode(context: AnyContext, ref: ObjectRef, annotations: JsonObject): Promise<void> {
  const body = nodeBody(annotations);
  await orAbsent(
    callOverConflicts(context, () =>
      context.connections.kubernetes.patch(ref, body, { ...NODE_WRITE, timeoutMs: WRITE_TIMEOUT_MS }),
    ),
  );
}

function nodeBody(annotations: JsonObject): JsonObject {
  return { metadata: { annotations } };
}

/**
 * Puts an object back as it was; one that is gone by now is created again, one that was written meanwhile is read again. Throws
 * TARGET_BEING_DELETED where the object in its place is about to go: what is written to that goes with it.
 */
export async function restoreObject(context: AnyContext, ref: ObjectRef, before: JsonObject): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const found = await readTarget(context, ref);
    if (found === undefined) return createAgain(context, ref, before);
    if (isLeaving(found)) throw beingDeleted(ref, found);
    try {
      await replace(context, ref, restoredAt(ref, before, textAt(found, "metadata", "resourceVersion")));
      return;
    } catch (error) {
      if (attempt >= TRIES || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
  }
}

function beingDeleted(ref: ObjectRef, found: JsonObject): MigratorError {
  return new MigratorError(
    "TARGET_BEING_DELETED",
    `${placeOf(ref)} cannot be put back as it was: ${leavingText(found)}`,
    {
      next: "Let whoever has set its finalizers take them off (`kubectl get -o yaml` shows them), then `resume`: once it is gone, it is created as it was.",
      retryable: true,
    },
  );
}

async function replace(context: AnyContext, ref: ObjectRef, object: JsonObject): Promise<void> {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  await call(context, () => context.connections.kubernetes.replace(ref, object, options));
}

async function createAgain(context: AnyContext, ref: ObjectRef, before: JsonObject): Promise<void> {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  try {
    await callOverConflicts(context, () =>
      context.connections.kubernetes.create(ref, restoredAt(ref, before), options),
    );
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) throw error;
  }
}

/** It may have been read through another version of its group than the one that it is written through. */
function restoredAt({ apiVersion }: ObjectRef, before: JsonObject, resourceVersion?: string): JsonObject {
  return { ...restored(before, resourceVersion), apiVersion };
}

/** The object without what the server owns, for a write; with a version, bound to it. */
export function restored(before: JsonObject, resourceVersion?: string): JsonObject {
  const metadata = isJsonObject(before["metadata"]) ? before["metadata"] : {};
  const {
    uid,
    creationTimestamp,
    generation,
    managedFields,
    resourceVersion: _old,
    selfLink,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    ...kept
  } = metadata;
  const version = resourceVersion === undefined ? {} : { resourceVersion };
  return { ...before, metadata: { ...kept, ...version } };
}
