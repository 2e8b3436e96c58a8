import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { v1Resource } from "./context.ts";

/** The v1 object that a checkpoint's key names. */
export function v1Ref(key: string): { kind: NativeKind; ref: ObjectRef } {
  const [, , plural = "", ...names] = key.split("/");
  const kind = NATIVE_KINDS.find(({ v1Plural }) => v1Plural === plural);
  if (kind === undefined) throw new Error(`no kind of Calico's is in "${key}"`);
  const [first = "", second = ""] = names;
  const ref = v1Resource(kind);
  return {
    kind,
    ref: kind.namespaced ? { ...ref, namespace: first, name: second } : { ...ref, name: first },
  };
}
