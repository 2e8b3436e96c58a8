import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { withDetail } from "../copying/ledger-detail.ts";
import { differing } from "../copying/verify-kinds.ts";
import { isLeaving } from "../target/leaving.ts";
import type { NativeFinding } from "./late-native.ts";
import { keyOf } from "./native-task.ts";

/** A native object that is not as it was copied, with its checkpoint. */
export interface Finding extends NativeFinding {
  row: Checkpoint | undefined;
}

/** Why a copy is a difference. */
export const REASONS = {
  missing: "it is missing in projectcalico.org/v3",
  changed: "projectcalico.org/v3 holds something else than the copy",
  uncopied:
    "the v1 object of its name came after everything was copied, and means something else: delete it, so that the v1 object is copied",
};

/** Why a native object is one that has the name of what is left out. */
export const NAMESAKE =
  "it has the name of what --skip leaves out, and nobody has approved that it acts instead: delete it, or approve `uncarried` as `describe` shows it now";

/** The row of a difference; it says what a person does to put it right, where there is an object. */
export function differenceOf({ kind, id, state, object, row }: Finding, reason: string): Checkpoint {
  const foreign = { rank: 0, key: id, target: id, state: "pending" as const, sourceRevision: 0 };
  const differs = differing(
    state === "foreign" || row === undefined ? { ...foreign, detail: { kind } } : row,
    reason,
  );
  if (object === undefined) return differs;
  // What is being deleted already is waited for by others.
  return withDetail(differs, { mending: state === "foreign" && !isLeaving(object) ? "delete" : "edit" });
}

/** Stands for the checkpoint of a v1 object that has none: it came after everything was copied. */
export function uncopied(kind: NativeKind, v1: JsonObject): Checkpoint {
  const key = keyOf(kind, v1);
  const fresh = { rank: kind.rank, key, target: key, state: "pending" as const, sourceRevision: 0 };
  return { ...fresh, detail: { kind: kind.kind } };
}

/** The row of a copy whose v1 object is gone. */
export function livingOn(row: Checkpoint, reason: string): Checkpoint {
  return withDetail(differing(row, reason), { mending: "delete" });
}
