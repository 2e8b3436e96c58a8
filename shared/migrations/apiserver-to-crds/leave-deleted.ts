import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { applyDeletions } from "./apply-deletions.ts";
import { type Context, resources } from "./context.ts";
import { uncarried } from "./left-out.ts";
import { leavingLossOf } from "./losses.ts";
import { keyOf, revisionOf } from "./native-task.ts";

/**
 * Deals with v1 objects that are being deleted as with those that are gone: their deletion is decided, and whoever has to take the
 * finalizers off sees the old group alone, so that a copy would live on. A copy is taken away again; the old group keeps the object
 * until it is let go, and it is named until then.
 */
export async function leaveDeleted(
  context: Context,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<void> {
  if (objects.length === 0) return;
  const keys = objects.map((v1) => keyOf(kind, v1));
  await applyDeletions(context, kind, keys);
  const ids = keys.map((key) => ({ rank: kind.rank, key }));
  const known = new Set((await resources(context).get(ids)).map(({ key }) => key));
  const fresh = objects.filter((v1) => !known.has(keyOf(kind, v1)));
  await resources(context).put(fresh.map((v1) => goneRow(kind, v1)));
  await uncarried(context).put(objects.map((v1) => leavingLossOf(kind, v1)));
}

/** The target is the row's own key: the native object of that name may belong to another v1 object. */
function goneRow(kind: NativeKind, v1: JsonObject): Checkpoint {
  const key = keyOf(kind, v1);
  const { name = "", namespace } = objectAt(v1, "metadata");
  const place = namespace === undefined ? { name } : { name, namespace };
  return {
    ...{ rank: kind.rank, key, target: key, state: "reverted", sourceRevision: revisionOf(v1) },
    detail: { kind: kind.kind, ...place, gone: true },
  };
}
