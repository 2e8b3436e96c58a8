import { nativeMeaning } from "../../calico/native/same-native.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { detailOf, isLeftOut } from "../copying/ledger-detail.ts";
import { isLeaving } from "../target/leaving.ts";
import { isCopied } from "./copied.ts";

/**
 * How a native object stands to the checkpoint with its name: `settled` as the copy was made, or as a person has decided;
 * `leaving` where it is, and is being deleted; `foreign` where nothing was copied to it.
 */
export type NativeState = "settled" | "changed" | "missing" | "leaving" | "foreign";

/** Why a native object is told that nothing was copied to. */
export const ONLY_NATIVE =
  "it is a native object that nothing in the old group becomes: delete it, or create it in the old group too";

/** Judges a native object as it is now; without a checkpoint nothing of the old group was copied under its name. */
export function nativeStateOf(row: Checkpoint | undefined, object: JsonObject | undefined): NativeState {
  if (row !== undefined && isLeftOut(row)) return "settled";
  const isExpected = row !== undefined && isCopied(row);
  if (object === undefined) return isExpected ? "missing" : "settled";
  if (!isExpected) return "foreign";
  if (isLeaving(object)) return "leaving";
  return nativeMeaning(object) === (detailOf(row).held ?? row.sourceHash) ? "settled" : "changed";
}
