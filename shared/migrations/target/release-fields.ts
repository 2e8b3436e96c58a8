import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { isRunManager } from "../../kubernetes/managed-fields.ts";
import { objectPlace } from "../../kubernetes/paths.ts";
import { type FieldsRelease, hasTraces, releasePatch } from "../../kubernetes/released-fields.ts";
import type { KubernetesApi, ObjectRef, WriteOptions } from "../../kubernetes/types.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { call, orAbsent, readTarget, WRITE_TIMEOUT_MS } from "./calls.ts";
import type { Rehearsal } from "./rehearse.ts";

/** How often an object that others write to at the same moment is read again. */
const TRIES = 8;

/** How the fields of an object are released. */
export type Release = Omit<FieldsRelease, "isOurs">;

/** How it is written, which is a matter of the rights that a run has. */
interface Way {
  /** What is released, and to whom. Default: to nobody. */
  releaseOf?: (object: JsonObject) => Promise<Release> | Release;
  /** Default: patch. */
  by?: "patch" | "replace";
  /** The object as it was read a short while ago, so that it has to be read only where it has changed since. */
  found?: JsonObject | undefined;
}

/** True where the managed fields of an object tell of a run, or name a version that is served no longer. */
export function hasTracesOfRuns(object: JsonObject, release: Release = {}): boolean {
  return hasTraces(object, { ...release, isOurs: isRunManager });
}

/**
 * Takes what runs own of an object's fields off it, so that whoever manages it meets nobody there. Only while nobody else
 * writes: then it is read again, so that nothing of theirs is lost. Nothing is written where nothing is to go. Repeatable.
 * Throws FIELDS_NOT_RELEASED where the cluster puts back what was taken off.
 */
export async function releaseFields(
  context: AnyContext,
  ref: ObjectRef,
  { releaseOf = () => ({}), by = "patch", found: read }: Way = {},
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const found = attempt === 1 && read !== undefined ? read : await readTarget(context, ref);
    if (found === undefined) return;
    const release = { ...(await releaseOf(found)), isOurs: isRunManager };
    const patch = releasePatch(found, release);
    if (patch === undefined) return;
    try {
      const { kubernetes } = context.connections;
      const write = (): Promise<JsonObject> =>
        WRITE[by](kubernetes, { ref, found, patch }, optionsOf(context));
      const after = await orAbsent(call(context, write));
      if (after === undefined || !hasTraces(after, release)) return;
    } catch (error) {
      if (attempt >= TRIES || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
      continue;
    }
    // Whatever admission has added to the object with this write is this run's for a moment.
    if (attempt >= TRIES) throw notReleased(ref);
  }
}

/** An object as it was read, and what is to be merged into it. */
interface Write {
  ref: ObjectRef;
  found: JsonObject;
  patch: JsonObject;
}

type Writing = Pick<KubernetesApi, "patch" | "replace">;

const WRITE = {
  patch: (api: Writing, { ref, patch }: Write, options: WriteOptions) =>
    api.patch(ref, patch, { ...options, type: "merge" }),
  replace: (api: Writing, { ref, found, patch }: Write, options: WriteOptions) => {
    const metadata = { ...objectAt(found, "metadata"), ...objectAt(patch, "metadata") };
    return api.replace(ref, { ...found, metadata }, options);
  },
};

/** The same write as a dry run; none where nothing is to go. */
export async function releaseRehearsal(
  context: AnyContext,
  ref: ObjectRef,
  { releaseOf = () => ({}), by = "patch" }: Omit<Way, "found"> = {},
): Promise<Rehearsal[]> {
  const found = await readTarget(context, ref);
  if (found === undefined) return [];
  const patch = releasePatch(found, { ...(await releaseOf(found)), isOurs: isRunManager });
  if (patch === undefined) return [];
  const options = { ...optionsOf(context), dryRun: true };
  return [
    {
      what: `take this run off the fields of ${objectPlace(ref)}`,
      try: (api) => WRITE[by](api, { ref, found, patch }, options),
    },
  ];
}

function optionsOf(context: AnyContext): { fieldManager: string; timeoutMs: number } {
  return { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
}

function notReleased(ref: ObjectRef): MigratorError {
  return new MigratorError(
    "FIELDS_NOT_RELEASED",
    `${objectPlace(ref)} goes on naming this run in its managedFields`,
    {
      next: "See which admission policy or webhook changes it at every write (kubectl get -o yaml --show-managed-fields), mend that, then `resume`.",
      retryable: true,
    },
  );
}
