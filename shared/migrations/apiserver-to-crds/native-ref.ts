import { NATIVE_KINDS } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { nativeDetailOf } from "./native-detail.ts";

/** Where the native object of a checkpoint is; `version` is the apiVersion that native objects are read through. */
export function nativeRefOf(checkpoint: Checkpoint, version: string): ObjectRef {
  const { kind, namespace, name } = nativeDetailOf(checkpoint);
  const plural = NATIVE_KINDS.find((one) => one.kind === kind)?.plural;
  if (plural === undefined)
    throw new Error(`the checkpoint "${checkpoint.key}" has the unknown kind "${kind}"`);
  const ref = { apiVersion: version, plural, name };
  return namespace === undefined ? ref : { ...ref, namespace };
}
