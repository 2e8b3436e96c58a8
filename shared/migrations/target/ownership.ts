import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { managersOf } from "../../kubernetes/managed-fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { deleteCopy, readTarget } from "./calls.ts";

/**
 * The field manager of Calico's annotations on Nodes, whoever writes them: calico-node does in the Kubernetes datastore. The
 * name of a run would stay on them, as managed fields are changed with the right to patch whole Nodes alone, and a run has that
 * of their status. What they were is recorded before, so nothing has to tell whose they are.
 */
export const NODE_FIELD_MANAGER = "calico-node";

/** True for objects that this run has written, also when its checkpoint was lost in a crash. */
export function isOurs(context: Pick<AnyContext, "run">, object: JsonObject): boolean {
  return managersOf(object).some(({ manager }) => manager === fieldManager(context));
}

/** True for objects that somebody but this run has written. */
export function isWrittenByOthers(context: AnyContext, object: JsonObject): boolean {
  return managersOf(object).some(({ manager }) => manager !== fieldManager(context));
}

/**
 * Deletes an object that this run has written, finalizers or not; anything else is left alone.
 *
 * @param released - UIDs of objects that are this run's although nothing on them tells it any more
 */
export async function deleteIfOurs(
  context: AnyContext,
  ref: ObjectRef,
  released: ReadonlySet<string> = new Set(),
): Promise<void> {
  const found = await readTarget(context, ref);
  if (found === undefined) return;
  const uid = textAt(found, "metadata", "uid");
  if (isOurs(context, found) || released.has(uid)) await deleteCopy(context, ref, uid);
}
