import { kindInfo, targetKind, type TargetGroup } from "../../calico/kinds.ts";
import { targetId, type TargetRef } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { detailOf } from "../copying/ledger-detail.ts";

/** The coordinates of a checkpoint's target. */
export function refOf(checkpoint: Checkpoint, targetGroup: TargetGroup): TargetRef {
  const { kind, namespace } = detailOf(checkpoint);
  const name = checkpoint.target.slice(checkpoint.target.lastIndexOf("/") + 1);
  const ref = { ...targetKind(kindInfo(kind), targetGroup), name };
  return namespace === undefined ? ref : { ...ref, namespace };
}

/** The target that an object of a listed kind is. */
export function objectTargetId(
  kind: { kind: string; plural: string; apiVersion: string },
  object: JsonObject,
): string {
  const namespace = textAt(object, "metadata", "namespace");
  const ref = { ...kind, name: textAt(object, "metadata", "name") };
  return targetId(namespace === "" ? ref : { ...ref, namespace });
}
