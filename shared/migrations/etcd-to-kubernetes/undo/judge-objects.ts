import { backward, etcdKeysFor, type BackwardContext } from "../../../calico/backward.ts";
import { isBuiltIn } from "../../../calico/built-in.ts";
import { kindInfo, targetKind } from "../../../calico/kinds.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import type { JsonObject } from "../../../json.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import { detailOf, isLeftOut, withDetail } from "../../copying/ledger-detail.ts";
import { isLeaving } from "../../target/leaving.ts";
import { compareResource } from "../compare.ts";
import { backConversion, type Context, conversion, resources, uncarried } from "../context.ts";
import { rankOf } from "../source-changes.ts";
import { readSources, type SourcedCheckpoint } from "../source.ts";
import type { Conversions } from "../stages/verify-kind.ts";
import { objectTargetId } from "../target-refs.ts";
import { isWrittenSince, WRITTEN_SINCE } from "./written-since.ts";

/** Marks what the carrying back has seen in Kubernetes: the rest is deleted there. */
export const PASS = "carry-back";
const DELETED_HERE = "it is deleted in Kubernetes, where its finalizers still hold it: etcd has it no more";

/** What becomes of one object of the Kubernetes datastore on the way back. */
export interface Judged {
  target: string;
  object: JsonObject;
  /** Its checkpoint; one that came since the unlock has none before it is carried. */
  row?: Checkpoint;
  /** What is to be written to its key, and what is there now. */
  write?: Writing;
  /** Why it is not carried. */
  lost?: string;
  /** The key of what etcd keeps instead. */
  key?: string;
}

/** A value for etcd, and what it replaces. */
export interface Writing {
  value: string;
  existing: EtcdKeyValue | undefined;
}

/** Judges a page of one kind, reading only; without what Calico makes itself on each side. */
export async function judgeObjects(
  context: Context,
  kind: string,
  objects: readonly JsonObject[],
): Promise<Judged[]> {
  const convert = { there: await conversion(context), back: await backConversion(context) };
  const ref = targetKind(kindInfo(kind), convert.there.targetGroup);
  const byTarget = new Map(
    objects.filter((object) => !isLeaving(object)).map((object) => [objectTargetId(ref, object), object]),
  );
  const judged = objects
    .filter(isLeaving)
    .map((object): Judged => ({ target: objectTargetId(ref, object), object, lost: DELETED_HERE }));
  const known = await resources(context).findByTarget([...byTarget.keys()]);
  const live = known.filter(({ state }) => state !== "reverted");
  for (const pair of await readSources(context, live)) {
    const object = byTarget.get(pair.checkpoint.target);
    if (object !== undefined) judged.push(await judgeKnown(context, convert, { ...pair, object }));
  }
  const seen = new Set([...live, ...known.filter(isLeftOut)].map(({ target }) => target));
  for (const [target, object] of byTarget) {
    if (seen.has(target)) continue;
    const found = await judgeNew(context, convert, { kind, target, object });
    if (found !== undefined) judged.push(found);
  }
  return judged;
}

/** Of a copied resource the source is brought up to date; what means the same is left as it is, byte for byte. */
async function judgeKnown(
  context: Context,
  convert: Conversions,
  { checkpoint, source, object }: SourcedCheckpoint & { object: JsonObject },
): Promise<Judged> {
  const { target, key } = checkpoint;
  const current = { ...checkpoint, sourceRevision: source?.modRevision ?? 0 };
  const comparison = await compareResource(context, convert.there, {
    checkpoint: current,
    source,
    target: object,
  });
  const since = isWrittenSince(checkpoint, source);
  const seen = ownedBy(checkpoint, object);
  // What a person has once decided to keep in Kubernetes is never the same in etcd.
  if (comparison.result === "equal" && !(since && detailOf(checkpoint).resolved === "target"))
    return { target, object, row: { ...seen, sourceRevision: current.sourceRevision } };
  if (since) return { target, object, row: seen, lost: WRITTEN_SINCE, key };
  const write = backward(object, backwardContext(convert.back, { key, existing: source }));
  if ("skipped" in write) return { target, object, row: seen, lost: write.skipped };
  return { target, object, row: seen, write: { value: write.value, existing: source } };
}

/** An object that was deleted and created again since the unlock came after it, like any new one. */
function ownedBy(checkpoint: Checkpoint, object: JsonObject): Checkpoint {
  const targetUid = textAt(object, "metadata", "uid");
  if (checkpoint.targetUid === targetUid) return checkpoint;
  return withDetail({ ...checkpoint, targetUid }, { created: true });
}

/** An object that came after the unlock; undefined for what Calico makes itself on each side. */
async function judgeNew(
  context: Context,
  { there, back }: Conversions,
  found: { kind: string; target: string; object: JsonObject },
): Promise<Judged | undefined> {
  const { kind, target, object } = found;
  if (!cameAfterUnlock(kind, object)) return undefined;
  const keys = etcdKeysFor(object, back);
  const held = await context.connections.etcd().getMany(keys);
  const key = keys.find((one) => held.has(one)) ?? keys[0];
  if (key === undefined) return { target, object, lost: skippedBy(back, object) };
  const id = { rank: rankOf(key) ?? 1, key };
  const [owner] = await resources(context).get([id]);
  if (owner !== undefined && owner.state !== "reverted" && owner.target !== target)
    return { target, object, lost: `its key in etcd is that of ${owner.target}` };
  const existing = held.get(key);
  const write = backward(object, backwardContext(back, { key, existing }));
  if ("skipped" in write) return { target, object, lost: write.skipped };
  const row = freshRow(found, write.key, existing);
  if (existing === undefined || (await isLeftBehind(context, existing)))
    return { target, object, row, write: { value: write.value, existing } };
  const pair = { checkpoint: row, source: existing, target: object };
  const { result } = await compareResource(context, there, pair);
  if (result !== "equal") return { target, object, lost: WRITTEN_SINCE, key };
  return { target, object, row, write: { value: existing.value.toString("utf8"), existing } };
}

/** True for what the migration has left in etcd, and nobody has written to since. */
async function isLeftBehind(context: Context, { key, modRevision }: EtcdKeyValue): Promise<boolean> {
  const id = { rank: rankOf(key) ?? 0, key };
  const rows = [...(await uncarried(context).get([id])), ...(await resources(context).get([id]))];
  return rows.some(({ sourceRevision }) => sourceRevision === modRevision);
}

/** Nothing is written yet: 0 is the revision of a key that is not there. */
function freshRow(
  { kind, target, object }: { kind: string; target: string; object: JsonObject },
  key: string,
  existing: EtcdKeyValue | undefined,
): Checkpoint {
  const namespace = textAt(object, "metadata", "namespace");
  return {
    ...{ rank: rankOf(key) ?? 1, key, target, state: "pending" },
    sourceRevision: existing?.modRevision ?? 0,
    targetUid: textAt(object, "metadata", "uid"),
    detail: { kind, ...(namespace === "" ? {} : { namespace }), created: true },
  };
}

function skippedBy(back: BackwardContext, object: JsonObject): string {
  const write = backward(object, back);
  return "skipped" in write ? write.skipped : "etcd has no key for it";
}

/** Calico never ran on a Node without its annotations; built-in tiers are made by whatever Calico starts, on each side. */
function cameAfterUnlock(kind: string, object: JsonObject): boolean {
  if (kind === "Node") return hasCalicoAnnotations(object);
  return !isBuiltIn(kind, textAt(object, "metadata", "name"));
}

function hasCalicoAnnotations(node: JsonObject): boolean {
  return Object.keys(objectAt(node, "metadata", "annotations")).some((key) =>
    key.startsWith("projectcalico.org/"),
  );
}

function backwardContext(
  base: BackwardContext,
  found: { key: string; existing: EtcdKeyValue | undefined },
): BackwardContext {
  if (found.existing === undefined) return base;
  return { ...base, existing: found.existing.value.toString("utf8"), existingKey: found.key };
}
