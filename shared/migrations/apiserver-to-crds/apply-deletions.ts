import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { withDetail } from "../copying/ledger-detail.ts";
import { removeTarget } from "../target/remove.ts";
import { type Context, nativeVersion, resources } from "./context.ts";
import { forgetLosses } from "./left-out.ts";
import { nativeRefOf } from "./native-ref.ts";
import { noteOutlived } from "./outlived.ts";

/** Takes away the copies of v1 objects that are gone, or as good as that; what is not this run's stays, and is noted. */
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
  await noteOutlived(context, version, removed);
  await resources(context).put(removed);
}

async function remove(context: Context, version: string, row: Checkpoint): Promise<Checkpoint> {
  // Of two v1 objects that collide, the one whose target is its own key has no native object: that belongs to the
  // other.
  if (row.target !== row.key) await removeTarget(context, row, nativeRefOf(row, version));
  return withDetail({ ...row, state: "reverted" }, { gone: true });
}
