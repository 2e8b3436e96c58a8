import type { JsonObject } from "../../json.ts";
import { crdResource, crdState } from "../../kubernetes/crds.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import {
  closedForLastLook,
  isClosedForLastLook,
  LAST_LOOK,
  openedAfterLastLook,
} from "../../kubernetes/last-look.ts";
import type { ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { call, orAbsent, WRITE_TIMEOUT_MS } from "./calls.ts";

/** What has become of a definition: it is on its way out, kept for a reason, or to be looked at again in a moment. */
export type Removal = "deleted" | "again" | { kept: string };

/** Says why a definition is kept, of the objects of this resource. */
type WhyUsed = (ref: ResourceRef) => Promise<string | undefined>;

/**
 * Deletes a definition with all that it holds, unless somebody uses it. What somebody creates between the look and the deletion
 * would go with it: so once nobody is seen to use it, it is served under a name that nobody knows, and looked into once more.
 * A definition that cannot be served so is deleted right after the look. To be called until it is not "again", each time with the
 * definition as it is then.
 */
export async function removeDefinition(
  context: AnyContext,
  crd: JsonObject,
  whyUsed: WhyUsed,
): Promise<Removal> {
  const isClosed = isClosedForLastLook(crd);
  if (isClosed && (await isServed(context, resourceOf(crd, crdState(crd).storage)))) return "again";
  const reason = await whyUsed(resourceOf(crd, isClosed ? LAST_LOOK : crdState(crd).served[0]));
  if (reason !== undefined) {
    const opened = openedAfterLastLook(crd);
    const isOpen = opened === undefined || (await written(() => patch(context, crd, opened)));
    return isOpen ? { kept: reason } : "again";
  }
  const closed = isClosed ? undefined : closedForLastLook(crd);
  if (closed === undefined) return (await written(() => remove(context, crd))) ? "deleted" : "again";
  await written(() => patch(context, crd, closed));
  return "again";
}

function refOf(crd: JsonObject): ObjectRef {
  return { ...crdResource, name: textAt(crd, "metadata", "name") };
}

function resourceOf(crd: JsonObject, version = "v1"): ResourceRef {
  const name = textAt(crd, "metadata", "name");
  const [plural, group] = [name.slice(0, name.indexOf(".")), name.slice(name.indexOf(".") + 1)];
  return { apiVersion: `${group}/${version}`, plural };
}

/** The API server hears of a change to a definition a moment after it has taken it. */
async function isServed(context: AnyContext, ref: ResourceRef): Promise<boolean> {
  const options = { limit: 1, metadataOnly: true, signal: context.signal };
  return (
    (await orAbsent(call(context, () => context.connections.kubernetes.list(ref, options)))) !== undefined
  );
}

/** False where somebody has written to the definition since it was read, or it is gone. */
async function written(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return false;
    if (isKubernetesError(error, "KUBERNETES_CONFLICT")) return false;
    throw error;
  }
}

function patch(context: AnyContext, crd: JsonObject, body: JsonObject): Promise<JsonObject> {
  const options = {
    type: "merge",
    fieldManager: fieldManager(context),
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  return call(context, () => context.connections.kubernetes.patch(refOf(crd), body, options));
}

function remove(context: AnyContext, crd: JsonObject): Promise<JsonObject> {
  const [uid, resourceVersion] = ["uid", "resourceVersion"].map((name) => textAt(crd, "metadata", name));
  const options = {
    uid,
    resourceVersion,
    propagationPolicy: "Background",
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  return call(context, () => context.connections.kubernetes.delete(refOf(crd), options));
}
