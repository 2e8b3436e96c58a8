import type { JsonObject } from "../../json.ts";
import { inServedVersion } from "../../kubernetes/admission.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { Discovery } from "../../kubernetes/discovery.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { resourcePath } from "../../kubernetes/paths.ts";
import type { KubernetesReads, ObjectRef } from "../../kubernetes/types.ts";
import { fieldManager } from "../context.ts";
import { isCrd } from "../manifests.ts";
import { callOverConflicts, readTarget, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import type { Context } from "./context.ts";
import { type Created, identified, InstallNotes } from "./undo-install.ts";
import { reads } from "../target/reads.ts";

/**
 * Creates those of these objects that are missing: the stage's notes say which before the first is created, and then which of
 * them this run has created. An admission policy is created in the API version that the cluster serves.
 */
export async function createMissing(context: Context, objects: readonly JsonObject[]): Promise<void> {
  const known = new Set(recorded(context).map(({ ref }) => resourcePath(ref)));
  const wanted = await refsOf(reads(context), objects);
  const found = await Promise.all(wanted.map(({ ref }) => readTarget(context, ref)));
  const missing = wanted.filter((_, index) => found[index] === undefined);
  const added = missing
    .filter(({ ref }) => !known.has(resourcePath(ref)))
    .map(({ ref }) => ({ ref: { ...ref } }));
  if (added.length > 0) await context.record({ created: [...recorded(context), ...added] });
  await Promise.all(missing.map(({ ref, object }) => create(context, ref, object)));
  await context.record({
    created: await Promise.all(recorded(context).map((one) => identified(context, one))),
  });
}

/** These objects in the versions that the cluster serves, and where they belong. */
export function refsOf(
  api: KubernetesReads,
  objects: readonly JsonObject[],
): Promise<{ object: JsonObject; ref: ObjectRef }[]> {
  const discovery = new Discovery(api);
  return Promise.all(
    objects.map(async (given) => {
      const object = await inServedVersion(discovery, given);
      return { object, ref: await refOf(discovery, object) };
    }),
  );
}

async function create(context: Context, ref: ObjectRef, object: JsonObject): Promise<void> {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  try {
    await callOverConflicts(context, () => context.connections.kubernetes.create(ref, object, options));
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) throw error;
  }
}

function recorded(context: Context): Created[] {
  return InstallNotes.parse(context.notes).created;
}

async function refOf(discovery: Discovery, object: JsonObject): Promise<ObjectRef> {
  const name = textAt(object, "metadata", "name");
  if (isCrd(object)) return { ...crdResource, name };
  const kind = textAt(object, "kind");
  const { apiVersion, plural, namespaced } = await discovery.resource(textAt(object, "apiVersion"), kind);
  if (!namespaced) return { apiVersion, plural, name };
  return { apiVersion, plural, namespace: textAt(object, "metadata", "namespace") || "default", name };
}
