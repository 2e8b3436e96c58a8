import { v1Id } from "../../calico/native/native-ids.ts";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../calico/native/same-native.ts";
import { type CarriedNative, toNative } from "../../calico/native/to-native.ts";
import { targetId } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { CopyTask } from "../copying/task.ts";
import { fieldManager } from "../context.ts";
import { withServerDefaults } from "../target/schemas.ts";
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
  const { target, uid, calicoOwners } = native;
  const { namespace, name } = target;
  const owners = calicoOwners.length === 0 ? undefined : calicoOwners;
  const base = { ...(known ?? fresh), target: targetId(target) };
  const facts = { kind: native.kind, name, uid, owners, ...(namespace === undefined ? {} : { namespace }) };
  return { checkpoint: withNativeDetail(base, facts), carried: native };
}

/** The copy of a v1 object as a task; `version` is the apiVersion that native objects are written through. */
export async function taskOf(
  context: Context,
  version: string,
  { checkpoint, carried, v1 }: { checkpoint: Checkpoint; carried: CarriedNative; v1: JsonObject },
): Promise<CopyTask> {
  const target = { ...carried.target, apiVersion: version };
  const object = { ...carried.object, apiVersion: version };
  const { kind, status } = carried;
  const expected = await withServerDefaults(context, "projectcalico.org/v3", kind, object);
  return {
    checkpoint,
    source: { revision: revisionOf(v1), hash: nativeMeaning(expected) },
    kind,
    target,
    object,
    expected: () => Promise.resolve(expected),
    meaning: nativeMeaning,
    ...(status === undefined ? {} : { complete: (written) => writeStatus(context, target, status, written) }),
  };
}

async function writeStatus(
  context: Context,
  target: CopyTask["target"],
  status: JsonObject,
  written: JsonObject,
): Promise<void> {
  if (JSON.stringify(written["status"]) === JSON.stringify(status)) return;
  const options = { type: "merge", subresource: "status", fieldManager: fieldManager(context) } as const;
  await call(context, () =>
    context.connections.kubernetes.patch(target, { status }, { ...options, timeoutMs: WRITE_TIMEOUT_MS }),
  );
}
