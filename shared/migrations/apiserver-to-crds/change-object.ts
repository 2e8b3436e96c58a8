import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import type { Rehearsal } from "../target/rehearse.ts";

const TRIES = 6;

/**
 * Reads an object and merges into it what `changesOf` says, only while it is as it was read, and again when somebody else
 * has written in between. Nothing is written where `changesOf` gives undefined or the object is not there. Throws
 * KUBERNETES_CONFLICT when others write all the time.
 */
export async function changeObject(
  context: AnyContext,
  ref: ObjectRef,
  changesOf: (object: JsonObject) => Promise<JsonObject | undefined> | JsonObject | undefined,
): Promise<void> {
  const options = {
    type: "merge",
    fieldManager: fieldManager(context),
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  for (let attempt = 1; ; attempt++) {
    const found = await readTarget(context, ref);
    const changes = found === undefined ? undefined : await changesOf(found);
    if (found === undefined || changes === undefined) return;
    const { uid, resourceVersion } = objectAt(found, "metadata");
    const patch = { ...changes, metadata: { ...objectAt(changes, "metadata"), uid, resourceVersion } };
    try {
      await call(context, () => context.connections.kubernetes.patch(ref, patch, options));
      return;
    } catch (error) {
      if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return;
      if (attempt >= TRIES || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
  }
}

/** A change of an object as a dry run. */
export function changeRehearsal(
  context: AnyContext,
  ref: ObjectRef,
  verb: string,
  changes: JsonObject,
): Rehearsal {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS, dryRun: true };
  return {
    what: `${verb} ${ref.plural}/${ref.name} in ${ref.namespace ?? ""}`,
    try: (api) => api.patch(ref, changes, { ...options, type: "merge" }),
  };
}
