import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../calico/native/same-native.ts";
import { toNative } from "../../calico/native/to-native.ts";
import { targetId } from "../../calico/target.ts";
import { convertUid } from "../../calico/uid.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { isLeftOut } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import { isLeaving } from "../target/leaving.ts";
import { withServerDefaults } from "../target/schemas.ts";
import { type Context, nativeVersion, v1Resource } from "./context.ts";
import { isCopied, nativeIdOf } from "./copied.ts";
import { nativeDetailOf } from "./native-detail.ts";
import { nativeRefOf } from "./native-ref.ts";
import { keyOf, revisionOf } from "./native-task.ts";
import { v1Ref } from "./v1-ref.ts";

/** True for the v1 object that was copied, at the version at which it was copied. Its metadata are enough. */
export function isAsCopied(row: Checkpoint | undefined, v1: JsonObject): boolean {
  return row !== undefined && isCopied(row) && isSameVersion(row, v1);
}

/** True for the v1 object of a checkpoint, at its version; whatever became of its copy. */
export function isSameVersion(row: Checkpoint | undefined, v1: JsonObject): boolean {
  return row?.sourceRevision === revisionOf(v1) && isSameObject(row, v1);
}

/**
 * Why a v1 object is not in the native group as it is now; undefined when it is. A write to its status alone says nothing,
 * nor does one that the native object has got as well.
 *
 * @param v1 - its metadata are enough
 */
export async function whyNotCarried(
  context: Context,
  kind: NativeKind,
  row: Checkpoint | undefined,
  v1: JsonObject,
): Promise<string | undefined> {
  if (isAsCopied(row, v1) || (row !== undefined && isLeftOut(row))) return undefined;
  const now = await readTarget(context, v1Ref(keyOf(kind, v1)).ref);
  if (now === undefined) return undefined;
  if (isLeaving(now)) return whyNotDeleted(context, row);
  const { target, meaning } = await carriedMeaning(context, now);
  const isKnown = row !== undefined && isCopied(row);
  if (isKnown && isSameObject(row, now) && meaning === row.sourceHash) return undefined;
  const native =
    target && (await readTarget(context, { ...target, apiVersion: await nativeVersion(context) }));
  if (native !== undefined && !isLeaving(native) && nativeMeaning(native) === meaning) return undefined;
  return isKnown
    ? "the v1 object has changed since it was copied"
    : "the v1 object came after everything was copied";
}

/** The copy of a v1 object that is being deleted would live on. */
async function whyNotDeleted(context: Context, row: Checkpoint | undefined): Promise<string | undefined> {
  if (row === undefined || !isCopied(row)) return undefined;
  const native = await readTarget(context, nativeRefOf(row, await nativeVersion(context)));
  if (native === undefined || isLeaving(native)) return undefined;
  return "the v1 object is being deleted since it was copied";
}

/** True where a v1 object becomes this native object, though nothing is copied yet; see {@link counterpartOf}. */
export async function hasCounterpart(...args: Parameters<typeof counterpartOf>): Promise<boolean> {
  return (await counterpartOf(...args)) !== undefined;
}

/** The v1 object that becomes this native object, though nothing is copied yet; one that is left out, or being deleted, becomes nothing. */
export async function counterpartOf(
  context: Context,
  kind: NativeKind,
  native: JsonObject,
  out: ReadonlySet<string>,
): Promise<JsonObject | undefined> {
  const [namespace, name] = [textAt(native, "metadata", "namespace"), textAt(native, "metadata", "name")];
  const place = { ...v1Resource(kind), ...(namespace === "" ? {} : { namespace }) };
  // Policies of the default tier were stored under their tier's name in Calico 3.31 and before.
  for (const stored of kind.tiered ? [name, `default.${name}`] : [name]) {
    const v1 = await readTarget(context, { ...place, name: stored });
    if (v1 === undefined || isLeaving(v1) || out.has(keyOf(kind, v1))) continue;
    const carried = toNative(v1);
    if (carried.outcome === "carry" && targetId(carried.target) === nativeIdOf(kind, native)) return v1;
  }
  return undefined;
}

/** True where a native object means what this v1 object becomes. */
export async function isMeaningOf(context: Context, v1: JsonObject, native: JsonObject): Promise<boolean> {
  return (await carriedMeaning(context, v1)).meaning === nativeMeaning(native);
}

type Carried = Extract<ReturnType<typeof toNative>, { outcome: "carry" }>;

async function carriedMeaning(
  context: Context,
  v1: JsonObject,
): Promise<{ target?: Carried["target"]; meaning?: string }> {
  const carried = toNative(v1);
  if (carried.outcome === "broken") return {};
  const { kind, object, target } = carried;
  const expected = await withServerDefaults(context, "projectcalico.org/v3", kind, object);
  return { target, meaning: nativeMeaning(expected) };
}

/** False for another object that has the name now. */
function isSameObject(row: Checkpoint, v1: JsonObject): boolean {
  const { uid } = nativeDetailOf(row);
  const stored = textAt(v1, "metadata", "uid");
  return uid === undefined || uid === (convertUid(stored) ?? stored);
}
