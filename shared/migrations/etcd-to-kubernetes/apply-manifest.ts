import type { JsonObject } from "../../json.ts";
import { inServedVersion } from "../../kubernetes/admission.ts";
import { applyManifests, applyOrder } from "../../kubernetes/apply.ts";
import type { Discovery } from "../../kubernetes/discovery.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { fieldManager } from "../context.ts";
import type { Context } from "./context.ts";
import { isCrd } from "../manifests.ts";
import { call, WRITE_TIMEOUT_MS } from "../target/calls.ts";

/**
 * Applies objects as this run: definitions first, side by side, then one object after the other. Each is a write of its
 * own, so a worker that has lost its lease stops between two of them. Safe to repeat.
 *
 * @param force - take over fields that others own
 */
export async function applyManifest(
  context: Context,
  objects: readonly JsonObject[],
  force: boolean,
): Promise<void> {
  const options = { fieldManager: fieldManager(context), force, timeoutMs: WRITE_TIMEOUT_MS };
  const apply = (object: JsonObject): Promise<unknown> =>
    call(context, () => applyManifests(context.connections.kubernetes, [object], options));
  const ordered = applyOrder(objects);
  await Promise.all(ordered.filter(isCrd).map(apply));
  for (const object of ordered.filter((one) => !isCrd(one))) await apply(object);
}

/** Where an object of a manifest is, once it was applied. */
export async function manifestRef(discovery: Discovery, given: JsonObject): Promise<ObjectRef> {
  const object = await inServedVersion(discovery, given);
  const { apiVersion, plural, namespaced } = await discovery.resource(
    textAt(object, "apiVersion"),
    textAt(object, "kind"),
  );
  const ref = { apiVersion, plural, name: textAt(object, "metadata", "name") };
  if (!namespaced) return ref;
  const namespace = textAt(object, "metadata", "namespace");
  return { ...ref, namespace: namespace === "" ? "default" : namespace };
}
