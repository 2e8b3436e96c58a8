import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { LEFT_OUT } from "../copying/ledger-detail.ts";
import { leavingText } from "../target/leaving.ts";
import type { Namesake } from "./namesakes.ts";
import { keyOf, revisionOf } from "./native-task.ts";

/** The subject that a person approves to leave objects behind. */
export const UNCARRIED = "uncarried";
/** Why nothing is copied of what the option names. */
export const LEFT_OUT_REASON =
  "left out by --skip: it stays in the old group, and goes with it at the cleanup";
const BEING_DELETED = "BEING_DELETED";

/** The loss of a v1 object, as it is told by name, with the native objects that have its name as far as these are known. */
export function lossOf(kind: NativeKind, v1: JsonObject, namesakes: readonly Namesake[] = []): Checkpoint {
  const acting = namesakes.map(({ id }) => `; ${id} has its name, stays as it is, and acts after the unlock`);
  return lossRow(kind, v1, { code: LEFT_OUT, reason: LEFT_OUT_REASON + acting.join("") });
}

/** The loss of a v1 object that is being deleted. */
export function leavingLossOf(kind: NativeKind, v1: JsonObject): Checkpoint {
  const reason = `${leavingText(v1)}: it is not copied, stays in the old group until then, and holds up the cleanup`;
  return lossRow(kind, v1, { code: BEING_DELETED, reason, uid: textAt(v1, "metadata", "uid") });
}

/** True for what is lost because it is being deleted. */
export function isLeavingLoss({ detail }: Checkpoint): boolean {
  return detail["code"] === BEING_DELETED;
}

function lossRow(kind: NativeKind, v1: JsonObject, detail: JsonObject): Checkpoint {
  const key = keyOf(kind, v1);
  return {
    ...{ rank: kind.rank, key, target: key, state: "pending", sourceRevision: revisionOf(v1) },
    detail: { kind: kind.kind, subject: UNCARRIED, ...detail },
  };
}
