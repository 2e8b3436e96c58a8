import { nativeMeaning } from "../../../calico/native/same-native.ts";
import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import type { Ledger } from "../../../engine/ledger.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import { managersOf } from "../../../kubernetes/managed-fields.ts";
import { fieldManager } from "../../context.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { keepObjects, type KeptObject } from "../../kept-objects.ts";
import { listed } from "../../report.ts";
import { readTarget } from "../../target/calls.ts";
import { isLeaving } from "../../target/leaving.ts";
import { reads } from "../../target/reads.ts";
import { restored } from "../../target/remove.ts";
import { copiedBut, nativeIdOf } from "../copied.ts";
import { type Context, resources } from "../context.ts";
import { nativeStateOf } from "../judge-native.ts";
import { v1Ref } from "../v1-ref.ts";
import { shownOf, unlockedSince } from "./shown-late.ts";

/** How much later this machine's clock may be than the API server's. Milliseconds. */
const CLOCK_SKEW_MS = 60_000;
const INSIDE = "inside the lock";
const LATE = "after the native group was locked again";

/** Where native objects are read, and since when what others have written to them was accepted and is not in force. */
interface Look {
  apiVersion: string;
  /** Milliseconds since the epoch. */
  since: number;
  /** True once the run was unlocked: what people were shown (`late-changes`) is theirs to know already. */
  isLate: boolean;
}

/** A native object with what is known of it. */
interface Found {
  id: string;
  row: Checkpoint | undefined;
  object: JsonObject;
  /** What it meant when people were shown it. */
  shown: string | undefined;
}

/**
 * Keeps what others have written to native objects since the APIService was removed, as people could by projectcalico.org/v3: the old
 * group, which is used again, knows nothing of it. After the unlock, what was written since people were asked (`late-changes`). Of
 * what was created or changed the content is kept, too, as copies go. To be called before copies are deleted or put back, for kinds
 * that are defined.
 */
export async function keepNativeWrites(
  context: Context,
  apiVersion: string,
  defined: ReadonlySet<string>,
): Promise<void> {
  const removal = await context.stageOf("remove-apiservice");
  if (removal === undefined) return;
  const unlockedAt = await unlockedSince(context);
  const since = (unlockedAt ?? removal.startedAt) - CLOCK_SKEW_MS;
  const look = { apiVersion, since, isLate: unlockedAt !== undefined };
  for (const kind of NATIVE_KINDS)
    if (defined.has(`${kind.plural}.projectcalico.org`)) await keepKind(context, kind, look);
}

/** Each of these writes, with what is to be done to have it again. */
export function nativeWritesLeft(context: Context): Promise<string[]> {
  return listed(nativeWrites(context), ({ key, detail }) => `${key}: ${textAt(detail, "reason")}`);
}

/** Writes to native objects that were accepted, and that the way back leaves out of force: `reason` says which. */
function nativeWrites(context: Context): Ledger {
  return context.ledger("native-writes");
}

async function keepKind(context: Context, kind: NativeKind, look: Look): Promise<void> {
  const living = new Set<string>();
  for await (const page of pagesOf(context, kind, look)) {
    for (const { id } of page) living.add(id);
    const lost = page.flatMap((found) => {
      const reason = whyLost(context, found, look);
      return reason === undefined ? [] : [{ ...found, reason }];
    });
    if (lost.length === 0) continue;
    const kept = await keepObjects(context, lost.map(manifestOf));
    await nativeWrites(context).put(lost.map(({ id, reason }) => lostWrite(id, { reason, ...kept })));
  }
  await keepDeleted(context, await copiedBut(context, kind, living), look);
}

/** Native objects that are there to stay. */
async function* pagesOf(
  context: Context,
  kind: NativeKind,
  { apiVersion, isLate }: Look,
): AsyncGenerator<Found[], void> {
  const ref = { apiVersion, plural: kind.plural };
  for await (const page of reads(context).pages(ref, { signal: context.signal })) {
    const living = page.filter((object) => !isLeaving(object));
    const byId = new Map(living.map((object) => [nativeIdOf(kind, object), object]));
    const ids = [...byId.keys()];
    const rows = await resources(context).findByTarget(ids);
    const byTarget = new Map(rows.map((row) => [row.target, row]));
    const shown = isLate ? await shownOf(context, ids) : undefined;
    yield [...byId].map(([id, object]) => ({ id, row: byTarget.get(id), object, shown: shown?.get(id) }));
  }
}

/** What has become of a native object by others; undefined where it is what this run has made it, or people were shown it. */
function whyLost(context: Context, found: Found, { since, isLate }: Look): string | undefined {
  const { row, object } = found;
  const state = nativeStateOf(row, object);
  if (state !== "changed" && state !== "foreign") return undefined;
  if (isLate && isKnown(found)) return undefined;
  const by = otherWriter(context, object, isLate ? -Infinity : since);
  if (by === undefined) return undefined;
  const when = isLate ? LATE : INSIDE;
  const whole = `\`calico-migrator describe ${context.run.runId} -o json\` has it whole`;
  if (state === "changed")
    return `changed by ${by} ${when}, which the old group does not have: make the change again (${whole})`;
  const isOlder = Date.parse(textAt(object, "metadata", "creationTimestamp")) < since;
  return isOlder
    ? undefined
    : `created by ${by} ${when}, and hidden by the aggregated API server: create it again (${whole})`;
}

/** As it was shown to people, or as it was before the run, which has put it back. */
function isKnown({ row, object, shown }: Found): boolean {
  const meaning = nativeMeaning(object);
  const before = row === undefined ? undefined : detailOf(row).before;
  return meaning === shown || (isJsonObject(before) && meaning === nativeMeaning(before));
}

/** A v1 object that is there acts again, whoever has deleted its copy. */
async function keepDeleted(context: Context, ids: readonly string[], { isLate }: Look): Promise<void> {
  const shown = isLate ? await shownOf(context, ids) : new Map<string, string>();
  const unknown = ids.filter((id) => shown.get(id) !== "");
  for (const row of await resources(context).findByTarget(unknown)) {
    const v1 = await readTarget(context, v1Ref(row.key).ref);
    if (v1 === undefined || isLeaving(v1)) continue;
    const reason = `deleted ${isLate ? LATE : INSIDE}, and still in the old group: delete it again`;
    await nativeWrites(context).put([lostWrite(row.target, { reason })]);
  }
}

/** Who else has written to an object since then. The API server does not tell in what order within a second. */
function otherWriter(context: Context, object: JsonObject, since: number): string | undefined {
  const others = managersOf(object).filter(
    ({ manager, subresource, time }) =>
      manager !== fieldManager(context) && subresource === "" && !(Date.parse(time) < since),
  );
  return others.at(-1)?.manager;
}

/** As it can be applied again. Owners would name UIDs that nobody has any more. */
function manifestOf({ id, object }: Found): KeptObject {
  const plain = restored(object);
  const { ownerReferences: _owners, ...metadata } = objectAt(plain, "metadata");
  return { id, object: { ...plain, apiVersion: "projectcalico.org/v3", metadata } };
}

function lostWrite(id: string, detail: JsonObject): Checkpoint {
  return { rank: 0, key: id, target: id, state: "pending", sourceRevision: 0, detail };
}
