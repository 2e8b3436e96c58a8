import { nativeMeaning } from "../../calico/native/same-native.ts";
import { toNative } from "../../calico/native/to-native.ts";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import { isOurs } from "../target/ownership.ts";
import { hasCounterpart } from "./compare-v1.ts";
import { nativeIdOf } from "./copied.ts";
import { type Context, resources } from "./context.ts";
import { keyOf } from "./native-task.ts";

/** A native object that has the name of a v1 object that is left out: nothing is copied over it, and Calico acts on it after the unlock. */
export interface Namesake {
  /** The native object's id. */
  id: string;
  /** What it means, as a hash. */
  meaning: string;
}

/**
 * The namesakes of a v1 object that is left out.
 *
 * @param version - the apiVersion that shows native objects
 * @param out - the keys of all v1 objects that are left out: what another v1 object is copied to is no namesake
 */
export async function namesakesOf(
  context: Context,
  { version, out }: { version: string; out: ReadonlySet<string> },
  kind: NativeKind,
  v1: JsonObject,
): Promise<Namesake[]> {
  const [row] = await resources(context).get([{ rank: kind.rank, key: keyOf(kind, v1) }]);
  const found = await Promise.all(placesOf(kind, v1, version).map((ref) => readTarget(context, ref)));
  const namesakes: Namesake[] = [];
  for (const native of found) {
    const lasting = native === undefined ? undefined : lastingOf(context, kind, native, row);
    if (native !== undefined && lasting !== undefined && !(await hasCounterpart(context, kind, native, out)))
      namesakes.push({ id: nativeIdOf(kind, native), meaning: nativeMeaning(lasting) });
  }
  return namesakes;
}

/** What a native object will be once the copy of what is left out is taken away: none, what it was before the run, or as it is. */
function lastingOf(
  context: Context,
  kind: NativeKind,
  native: JsonObject,
  row: Checkpoint | undefined,
): JsonObject | undefined {
  if (row === undefined || row.state === "reverted" || row.target !== nativeIdOf(kind, native)) return native;
  const { before, created } = detailOf(row);
  if (isJsonObject(before)) return before;
  const isCopy = created === true && textAt(native, "metadata", "uid") === row.targetUid;
  return isCopy || isOurs(context, native) ? undefined : native;
}

/** Where the native object of a v1 object is; of one that cannot be converted, wherever it may be. */
function placesOf(kind: NativeKind, v1: JsonObject, version: string): ObjectRef[] {
  const carried = toNative({ ...v1, apiVersion: "crd.projectcalico.org/v1", kind: kind.v1Kind });
  const names =
    carried.outcome === "carry" ? [carried.target.name] : possibleNames(kind, textAt(v1, "metadata", "name"));
  const namespace = textAt(v1, "metadata", "namespace");
  const ref = { apiVersion: version, plural: kind.plural, ...(namespace === "" ? {} : { namespace }) };
  return names.map((name) => ({ ...ref, name }));
}

/** The names that the native object of a v1 object may have, by its stored name alone. */
export function possibleNames({ tiered }: Pick<NativeKind, "tiered">, stored: string): string[] {
  return tiered && stored.startsWith("default.") ? [stored, stored.slice("default.".length)] : [stored];
}
