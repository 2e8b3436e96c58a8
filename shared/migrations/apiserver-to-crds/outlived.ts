import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { type Ledger, ledgerPages } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { readTarget } from "../target/calls.ts";
import { type Context, resources } from "./context.ts";
import { leftOutKeys } from "./left-out.ts";
import { possibleNames } from "./namesakes.ts";
import { nativeDetailOf } from "./native-detail.ts";
import { nativeRefOf } from "./native-ref.ts";
import { v1Ref } from "./v1-ref.ts";

const PAGE = 500;

/**
 * The checkpoints whose native objects were still there once their v1 objects had gone, as they are not this run's to delete:
 * what was there before and was taken for the copy, what a person has kept, what was put back, and what others have made anew.
 */
function outlived(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("outlived");
}

/**
 * Notes which of these checkpoints, whose v1 objects are gone, still have a native object. Nobody writes to it, so nothing that is
 * told of changes would tell of it before Calico acts on it.
 */
export async function noteOutlived(
  context: Context,
  version: string,
  rows: readonly Checkpoint[],
): Promise<void> {
  // The object of one that collides is the other's.
  const placed = rows.filter(({ target, key }) => target !== key);
  const found = await Promise.all(placed.map((row) => readTarget(context, nativeRefOf(row, version))));
  const living = placed.filter((_, index) => found[index] !== undefined);
  const row = { state: "pending", sourceRevision: 0, detail: {} } as const;
  await outlived(context).put(living.map(({ rank, key }) => ({ ...row, rank, key, target: key })));
}

/**
 * The names of native objects that may have outlived their v1 objects, as metadata, by kind: of what has been noted, and of what
 * is left out, whose namesakes are nobody's copies. They may have gone since, or the old group may have them, or have them again.
 */
export async function outlivedByKind(
  context: Context,
): Promise<ReadonlyMap<NativeKind, readonly JsonObject[]>> {
  const byKind = new Map<NativeKind, JsonObject[]>();
  const add = (kind: NativeKind, namespace: string | undefined, name: string): void => {
    const metadata = namespace === undefined ? { name } : { namespace, name };
    byKind.set(kind, [...(byKind.get(kind) ?? []), { metadata }]);
  };
  for await (const page of ledgerPages(outlived(context), { limit: PAGE }))
    for (const row of await resources(context).get(page.map(({ rank, key }) => ({ rank, key })))) {
      const { namespace, name } = nativeDetailOf(row);
      add(v1Ref(row.key).kind, namespace, name);
    }
  for (const key of leftOutKeys(context)) {
    const { kind, ref } = v1Ref(key);
    for (const name of possibleNames(kind, ref.name)) add(kind, ref.namespace, name);
  }
  return byKind;
}
