import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { managersOf } from "../../../kubernetes/managed-fields.ts";
import { fieldManager } from "../../context.ts";
import { listed } from "../../report.ts";
import { readTarget } from "../../target/calls.ts";
import { isLeaving } from "../../target/leaving.ts";
import { reads } from "../../target/reads.ts";
import { copiedBut, nativeIdOf } from "../copied.ts";
import { type Context, resources } from "../context.ts";
import { nativeStateOf } from "../judge-native.ts";
import { v1Ref } from "../v1-ref.ts";

/** Writes to native objects that were accepted inside the lock, and that the way back leaves out of force: `reason` says which. */
const NATIVE_WRITES = "native-writes";
/** How much later this machine's clock may be than the API server's. Milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** Where native objects are read, and since when others could write them. */
interface Look {
  apiVersion: string;
  since: number;
}

/**
 * Keeps what others have written to native objects since the APIService was removed, as people could by projectcalico.org/v3: the old
 * group, which is used again, knows nothing of it. To be called before copies are deleted, for kinds that are defined. After the unlock
 * people are asked instead (`late-changes`).
 */
export async function keepNativeWrites(
  context: Context,
  apiVersion: string,
  defined: ReadonlySet<string>,
): Promise<void> {
  const removal = await context.stageOf("remove-apiservice");
  if (removal === undefined || (await context.notesOf("unlock"))["unlockedAt"] !== undefined) return;
  const look = { apiVersion, since: removal.startedAt - CLOCK_SKEW_MS };
  for (const kind of NATIVE_KINDS)
    if (defined.has(`${kind.plural}.projectcalico.org`)) await keepKind(context, kind, look);
}

/** Each of these writes, with what is to be done to have it again. */
export function nativeWritesLeft(context: Context): Promise<string[]> {
  return listed(context.ledger(NATIVE_WRITES), ({ key, detail }) => `${key}: ${textAt(detail, "reason")}`);
}

async function keepKind(context: Context, kind: NativeKind, { apiVersion, since }: Look): Promise<void> {
  const ref = { apiVersion, plural: kind.plural };
  const living = new Set<string>();
  for await (const page of reads(context).pages(ref, { signal: context.signal })) {
    const byId = new Map(page.map((object) => [nativeIdOf(kind, object), object]));
    const rows = await resources(context).findByTarget([...byId.keys()]);
    const byTarget = new Map(rows.map((row) => [row.target, row]));
    const kept: Checkpoint[] = [];
    for (const [id, object] of byId) {
      if (isLeaving(object)) continue;
      living.add(id);
      const reason = whyLost(context, byTarget.get(id), object, since);
      if (reason !== undefined) kept.push(lostWrite(id, reason));
    }
    await context.ledger(NATIVE_WRITES).put(kept);
  }
  await keepDeleted(context, await copiedBut(context, kind, living));
}

/** What has become of a native object by others; undefined where it is what this run has made it. */
function whyLost(
  context: Context,
  row: Checkpoint | undefined,
  object: JsonObject,
  since: number,
): string | undefined {
  const state = nativeStateOf(row, object);
  const by = otherWriter(context, object, since);
  if (by === undefined) return undefined;
  if (state === "changed")
    return `changed by ${by} inside the lock, which the old group does not have: make the change again`;
  const isOlder = Date.parse(textAt(object, "metadata", "creationTimestamp")) < since;
  return state === "foreign" && !isOlder
    ? `created by ${by} inside the lock, and hidden by the aggregated API server: create it again`
    : undefined;
}

/** A v1 object that is there acts again, whoever has deleted its copy. */
async function keepDeleted(context: Context, ids: readonly string[]): Promise<void> {
  for (const row of await resources(context).findByTarget(ids)) {
    const v1 = await readTarget(context, v1Ref(row.key).ref);
    if (v1 === undefined || isLeaving(v1)) continue;
    const reason = "deleted inside the lock, and still in the old group: delete it again";
    await context.ledger(NATIVE_WRITES).put([lostWrite(row.target, reason)]);
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

function lostWrite(id: string, reason: string): Checkpoint {
  return { rank: 0, key: id, target: id, state: "pending", sourceRevision: 0, detail: { reason } };
}
