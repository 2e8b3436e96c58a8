import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Change } from "../../kubernetes/types.ts";
import { applyDeletions } from "./apply-deletions.ts";
import { changed, type Context } from "./context.ts";
import { copyObjects } from "./copy-objects.ts";
import { keyOf } from "./native-task.ts";

/** Brings the native objects of one kind up to date with what changed in the old group; the last change of each object counts. */
export async function applyChanges(
  context: Context,
  kind: NativeKind,
  events: readonly Change[],
): Promise<Record<string, number>> {
  const last = new Map(events.map((event) => [keyOf(kind, event.object), event]));
  const puts = [...last.values()].filter(({ type }) => type === "put").map(({ object }) => object);
  const deleted = [...last].filter(([, { type }]) => type === "deleted").map(([key]) => key);
  await noteChanged(context, kind, [...last.keys()]);
  await applyDeletions(context, kind, deleted);
  return copyObjects(context, { mode: "replace" }, kind, puts);
}

/** Notes which objects have changed since the copy: these alone are compared inside the lock. */
export async function noteChanged(
  context: Context,
  { rank }: NativeKind,
  keys: readonly string[],
): Promise<void> {
  const row = { rank, state: "pending" as const, sourceRevision: 0, detail: {} };
  await changed(context).put(keys.map((key) => ({ ...row, key, target: key })));
}
