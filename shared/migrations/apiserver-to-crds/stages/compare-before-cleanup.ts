import type { NativeKind } from "../../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { Changes, ResourceRef } from "../../../kubernetes/types.ts";
import { call, readTarget } from "../../target/calls.ts";
import { BEGINNING, KindComparison, type Progress } from "../compare-kind.ts";
import { whyNotCarried } from "../compare-v1.ts";
import { nativeIdOf } from "../copied.ts";
import { type Context, nativeVersion, resources, v1Resource } from "../context.ts";
import { nativeStateOf } from "../judge-native.ts";
import { lateRows } from "../late-native.ts";
import { nativeRefOf } from "../native-ref.ts";
import { keyOf } from "../native-task.ts";

/** From where on writes to a kind were not compared, in both groups. */
interface Since {
  v1: string;
  native: string;
}

/** What comparing everything has shown. */
interface Compared {
  /** What only the old group knows, or means otherwise. */
  differing: Checkpoint[];
  /** What others have done to native objects, to be approved. */
  late: Checkpoint[];
  /** By the plural of the old group. */
  since: Map<string, Since>;
}

/** Compares these kinds in both groups, every object: approvals may have taken days since it was done last. */
export async function compareAll(context: Context, kinds: readonly NativeKind[]): Promise<Compared> {
  const since = new Map<string, Since>();
  // Where a list lacks some, its kind is looked at one by one as well: what differs is then found twice.
  const [differing, late] = [new Map<string, Checkpoint>(), new Map<string, Checkpoint>()];
  const report = (rows: readonly Checkpoint[]): Promise<void> => {
    for (const row of rows) (row.state === "conflict" ? differing : late).set(row.key, row);
    return Promise.resolve();
  };
  for (const kind of kinds) {
    since.set(kind.v1Plural, await present(context, kind));
    const judgement = { sourceChanged: "difference", changedByOthers: "approval", report } as const;
    const comparison = await KindComparison.of(judgement, context, kind);
    let at: Progress | undefined = BEGINNING;
    while (at !== undefined) at = await comparison.page(at);
  }
  return { differing: [...differing.values()], late: [...late.values()], since };
}

/** True when nothing that counts was written to a kind since it was compared, in either group. */
export async function isUnchanged(context: Context, kind: NativeKind, since: Since): Promise<boolean> {
  const [v1, native] = await Promise.all([
    changesOf(context, v1Resource(kind), since.v1),
    changesOf(context, await nativeResource(context, kind), since.native),
  ]);
  if (v1 === undefined || native === undefined || v1.more || native.more) return false;
  for (const event of v1.events) if (!(await isCarried(context, kind, event))) return false;
  for (const { object } of native.events) if (!(await isAccepted(context, kind, object))) return false;
  return true;
}

async function present(context: Context, kind: NativeKind): Promise<Since> {
  const version = async (ref: ResourceRef): Promise<string> => {
    const { connections, signal } = context;
    const options = { limit: 1, metadataOnly: true, signal };
    return (await call(context, () => connections.kubernetes.list(ref, options))).resourceVersion;
  };
  const native = await version(await nativeResource(context, kind));
  return { v1: await version(v1Resource(kind)), native };
}

async function nativeResource(context: Context, { plural }: NativeKind): Promise<ResourceRef> {
  return { apiVersion: await nativeVersion(context), plural };
}

/** Undefined where the API server cannot tell any more. */
async function changesOf(
  { connections, signal }: Context,
  ref: ResourceRef,
  resourceVersion: string,
): Promise<Changes | undefined> {
  try {
    return await connections.kubernetes.changes(ref, { resourceVersion, signal });
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return undefined;
    throw error;
  }
}

async function isCarried(
  context: Context,
  kind: NativeKind,
  { type, object }: Changes["events"][number],
): Promise<boolean> {
  const [row] = await resources(context).get([{ rank: kind.rank, key: keyOf(kind, object) }]);
  if (type === "put") return (await whyNotCarried(context, kind, row, object)) === undefined;
  const ref = row === undefined ? undefined : nativeRefOf(row, await nativeVersion(context));
  return ref === undefined || (await readTarget(context, ref)) === undefined;
}

async function isAccepted(
  context: Context,
  kind: NativeKind,
  object: Changes["events"][number]["object"],
): Promise<boolean> {
  const id = nativeIdOf(kind, object);
  const [row] = await resources(context).findByTarget([id]);
  const [namespace, name] = [textAt(object, "metadata", "namespace"), textAt(object, "metadata", "name")];
  const place = { ...(await nativeResource(context, kind)), ...(namespace === "" ? {} : { namespace }) };
  const now = await readTarget(context, { ...place, name });
  const state = nativeStateOf(row, now);
  if (state === "settled") return true;
  return (await lateRows(context, [{ kind: kind.kind, id, state, object: now }])).length === 0;
}
