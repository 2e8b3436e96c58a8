import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import type { Changes } from "../../../kubernetes/types.ts";
import { call, readTarget } from "../../target/calls.ts";
import { applyChanges } from "../apply-changes.ts";
import { isCopied } from "../copied.ts";
import { type Context, resources, v1Resource } from "../context.ts";
import { lastWriter } from "../late-native.ts";
import { keyOf } from "../native-task.ts";
import { applyFound } from "../relist.ts";
import { scanKind } from "../scan-kind.ts";
import { v1Ref } from "../v1-ref.ts";
import { hasV1Kind, NOTHING, orNoV1Kind } from "../v1-kind.ts";

/** Every node writes its own on a ticker, whatever is locked, and makes it again where it was asked for. */
const MADE_AGAIN = "CalicoNodeStatus";
const NAMED = 5;

/** What one look at the old group has shown. */
export interface Collected {
  /** Of each kind, up to which version of its collection. */
  since: Record<string, string>;
  /** How many objects mean something else than before: what is status alone, or made again by its owner, does not count. */
  counted: number;
  /** Some of these, with who has written to them. */
  writers: string[];
  /** True where there are changes that it has not shown. */
  more: boolean;
  /** When it began, at the latest. Milliseconds since the epoch. */
  readAt: number;
}

/**
 * Reads what changed in all kinds at once, and applies it in the order in which kinds refer to one another. Applies nothing
 * while the server has forgotten what changed of some: these are to be listed first.
 */
export async function collectChanges(
  context: Context,
  since: Readonly<Record<string, string>>,
  applies: boolean,
): Promise<Collected | { forgotten: NativeKind[] }> {
  const reads = await Promise.all(NATIVE_KINDS.map((kind) => changesOf(context, kind, since[kind.v1Plural])));
  const forgotten = NATIVE_KINDS.filter((_, index) => reads[index] === undefined);
  if (applies && forgotten.length > 0) return { forgotten };
  const readAt = context.clock.now();
  const result = nothingYet(readAt);
  result.counted = forgotten.length;
  for (const [index, kind] of NATIVE_KINDS.entries()) {
    const { events, resourceVersion } = reads[index] ?? (await beginning(context, kind));
    result.since[kind.v1Plural] = resourceVersion;
    const keys = [...new Set(events.map(({ object }) => keyOf(kind, object)))];
    const changed = await changedKeys(
      context,
      kind,
      keys,
      applies ? () => applyChanges(context, kind, events) : undefined,
    );
    await note(context, result, changed);
  }
  result.more = reads.some((read) => read?.more === true);
  // Where looking only begins here, it may have changed just before.
  if (forgotten.length > 0) result.readAt = context.clock.now();
  return result;
}

/**
 * Compares every v1 object with its checkpoint, by version and UID, and brings up to date what is not as it was copied: so
 * that no change can pass unseen, whatever was told of changes.
 */
export async function collectByComparing(context: Context): Promise<Collected> {
  const result = nothingYet(context.clock.now());
  const scans = await Promise.all(NATIVE_KINDS.map((kind) => scanKind(context, kind)));
  for (const [index, kind] of NATIVE_KINDS.entries()) {
    const { found = { written: [], gone: [] }, resourceVersion = "" } = scans[index] ?? {};
    result.since[kind.v1Plural] = resourceVersion;
    const keys = [...found.written, ...found.gone];
    await note(
      context,
      result,
      await changedKeys(context, kind, keys, () => applyFound(context, kind, found)),
    );
  }
  return result;
}

function nothingYet(readAt: number): Collected {
  return { since: {}, counted: 0, writers: [], more: false, readAt };
}

/** Of these objects, those that mean something else once it is applied; without `apply`, all that count. */
async function changedKeys(
  context: Context,
  kind: NativeKind,
  keys: readonly string[],
  apply: (() => Promise<unknown>) | undefined,
): Promise<readonly string[]> {
  if (keys.length === 0) return [];
  const ids = keys.map((key) => ({ rank: kind.rank, key }));
  const before = await meanings(context, ids);
  await apply?.();
  if (kind.kind === MADE_AGAIN) return [];
  if (apply === undefined) return keys;
  const after = await meanings(context, ids);
  return keys.filter((key) => before.get(key) !== after.get(key));
}

async function meanings(
  context: Context,
  ids: readonly Pick<Checkpoint, "rank" | "key">[],
): Promise<Map<string, string>> {
  const rows = await resources(context).get(ids);
  return new Map(rows.map((row) => [row.key, meaningOf(row)]));
}

function meaningOf(row: Checkpoint): string {
  return JSON.stringify([isCopied(row), row.sourceHash ?? "", row.detail["uid"] ?? ""]);
}

async function note(context: Context, result: Collected, keys: readonly string[]): Promise<void> {
  result.counted += keys.length;
  for (const key of keys.slice(0, NAMED - result.writers.length)) {
    const { kind, ref } = v1Ref(key);
    const v1 = await readTarget(context, ref);
    const place = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
    const how = v1 === undefined ? "deleted" : `by ${lastWriter(v1)?.manager ?? "somebody"}`;
    result.writers.push(`${kind.v1Kind} ${place} ${how}`);
  }
}

/** Undefined where the server has forgotten what changed, or everything may have: the kind has come, or it has gone. */
async function changesOf(
  context: Context,
  kind: NativeKind,
  resourceVersion: string | undefined,
): Promise<Changes | undefined> {
  const { connections, signal } = context;
  if (resourceVersion === undefined) return undefined;
  if (resourceVersion === NOTHING.resourceVersion)
    return (await hasV1Kind(context, kind)) ? undefined : { events: [], resourceVersion, more: false };
  try {
    // Past the limiter: a watch mostly waits, would hold up those of other kinds, and its time says nothing of the server's load.
    const changes = connections.kubernetes.changes(v1Resource(kind), { resourceVersion, signal });
    return await orNoV1Kind(context, kind, changes);
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return undefined;
    throw error;
  }
}

/** From where changes are looked for, where nothing is known of those before. */
async function beginning(
  context: Context,
  kind: NativeKind,
): Promise<Pick<Changes, "events" | "resourceVersion">> {
  const { signal, connections } = context;
  const options = { limit: 1, metadataOnly: true, signal };
  const listed = call(context, () => connections.kubernetes.list(v1Resource(kind), options));
  const { resourceVersion } = (await orNoV1Kind(context, kind, listed)) ?? NOTHING;
  return { events: [], resourceVersion };
}
