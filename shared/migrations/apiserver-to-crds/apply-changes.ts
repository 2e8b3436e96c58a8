import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { Change } from "../../kubernetes/types.ts";
import { withDetail } from "../copying/ledger-detail.ts";
import { removeTarget } from "../target/remove.ts";
import { changed, type Context, nativeVersion, resources } from "./context.ts";
import { copyObjects } from "./copy-objects.ts";
import { forgetLosses } from "./left-out.ts";
import { keyOf } from "./native-task.ts";
import { nativeRefOf } from "./native-ref.ts";

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

/** Takes away the copies of v1 objects that are gone. */
export async function applyDeletions(
  context: Context,
  kind: NativeKind,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return;
  await forgetLosses(context, kind, keys);
  const { rank } = kind;
  const rows = await resources(context).get(keys.map((key) => ({ rank, key })));
  const copied = rows.filter(({ state }) => state !== "reverted");
  const version = await nativeVersion(context);
  const removed = await Promise.all(copied.map((row) => remove(context, version, row)));
  await resources(context).put(removed);
}

async function remove(context: Context, version: string, row: Checkpoint): Promise<Checkpoint> {
  // The object of one that collides is the other's.
  if (row.target !== row.key) await removeTarget(context, row, nativeRefOf(row, version));
  return withDetail({ ...row, state: "reverted" }, { gone: true });
}
