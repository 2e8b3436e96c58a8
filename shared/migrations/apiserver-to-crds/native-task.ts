import { isDeepStrictEqual } from "node:util";
import { v1Id } from "../../calico/native/native-ids.ts";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../calico/native/same-native.ts";
import { type CarriedNative, toNative } from "../../calico/native/to-native.ts";
import { targetId } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { CopyTask } from "../copying/task.ts";
import { fieldManager } from "../context.ts";
import { isOurs } from "../target/ownership.ts";
import { fitted, withServerDefaults, writesStatusApart } from "../target/schemas.ts";
import { call, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import type { Context } from "./context.ts";
import { withNativeDetail } from "./native-detail.ts";

/** A v1 object, converted, with its checkpoint. */
export interface Converted {
  checkpoint: Checkpoint;
  /** Absent for what is broken: its checkpoint says why. */
  carried?: CarriedNative;
}

/** The key of a v1 object's checkpoint. */
export function keyOf({ v1Kind }: NativeKind, object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  return v1Id(v1Kind, namespace === "" ? undefined : namespace, textAt(object, "metadata", "name"));
}

/** The version of a v1 object as a number; Kubernetes promises that versions of one resource can be compared as such. */
export function revisionOf(object: JsonObject): number {
  return Number(textAt(object, "metadata", "resourceVersion"));
}

/** Converts a v1 object; `known` is its checkpoint so far. */
export function convert(kind: NativeKind, v1: JsonObject, known?: Checkpoint): Converted {
  const native = toNative(v1);
  const key = keyOf(kind, v1);
  const fresh = {
    rank: kind.rank,
    key,
    state: "pending" as const,
    sourceRevision: revisionOf(v1),
    detail: {},
  };
  if (native.outcome === "broken") {
    const { code, reason } = native;
    const detail = { kind: kind.kind, ...known?.detail, code, reason };
    return { checkpoint: { ...fresh, ...known, target: known?.target ?? key, state: "failed", detail } };
  }
  const { target, uid, calicoOwners, changes } = native;
  const { namespace, name } = target;
  const owners = calicoOwners.length === 0 ? undefined : calicoOwners;
  const base = { ...(known ?? fresh), target: targetId(target) };
  const facts = {
    kind: native.kind,
    name,
    uid,
    owners,
    changes,
    ...(namespace === undefined ? {} : { namespace }),
  };
  return { checkpoint: withNativeDetail(base, facts), carried: native };
}

/** The copy of a v1 object as a task; `version` is the apiVersion that native objects are written through. */
export async function taskOf(
  context: Context,
  version: string,
  { checkpoint, carried, v1 }: { checkpoint: Checkpoint; carried: CarriedNative; v1: JsonObject },
): Promise<CopyTask> {
  const target = { ...carried.target, apiVersion: version };
  const { kind } = carried;
  const native = await fitted(context, "projectcalico.org/v3", kind, carried.object);
  const object = { ...native, apiVersion: version };
  const expected = await withServerDefaults(context, "projectcalico.org/v3", kind, object);
  return {
    checkpoint,
    source: { revision: revisionOf(v1), hash: nativeMeaning(expected) },
    kind,
    target,
    object,
    expected: () => Promise.resolve(expected),
    meaning: nativeMeaning,
    complete: (written) => complete(context, target, carried, written),
  };
}

/**
 * Writes what an object has beside its meaning: a v1 object may have got other owners or finalizers, and nothing else,
 * since it was copied. An object that was there before this run keeps its own.
 */
async function complete(
  context: Context,
  target: CopyTask["target"],
  { kind, object, status }: CarriedNative,
  written: JsonObject,
): Promise<void> {
  if (!isOurs(context, written)) return;
  const options = {
    type: "merge",
    fieldManager: fieldManager(context),
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  const patch = (body: JsonObject, subresource?: "status"): Promise<JsonObject> =>
    call(context, () =>
      context.connections.kubernetes.patch(target, body, {
        ...options,
        ...(subresource === undefined ? {} : { subresource }),
      }),
    );
  if (!isDeepStrictEqual(bindings(object), bindings(written))) await patch({ metadata: bindings(object) });
  if (status === undefined || isDeepStrictEqual(status, written["status"])) return;
  const isApart = await writesStatusApart(context, kind, "projectcalico.org/v3");
  await patch({ status }, isApart ? "status" : undefined);
}

/** What ties an object to others: its owners, those of Calico excepted as long as these have no native UIDs, and finalizers. */
function bindings(object: JsonObject): JsonObject {
  const { ownerReferences = [], finalizers = [] } = objectAt(object, "metadata");
  return { ownerReferences, finalizers };
}
