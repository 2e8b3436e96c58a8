import { z } from "zod";
import {
  backward,
  etcdKeysFor,
  type BackwardContext,
  type EtcdWrite,
  type Skipped,
} from "../../../calico/backward.ts";
import { kindInfo, KINDS, targetKind } from "../../../calico/kinds.ts";
import type { BatchOutcome, Stage, Sweep } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../../engine/records.ts";
import { MigratorError } from "../../../errors.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import type { JsonObject } from "../../../json.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { addResources } from "../add-resources.ts";
import { isBuiltIn } from "../../../calico/built-in.ts";
import { rankOf } from "../source-changes.ts";
import { compareResource } from "../compare.ts";
import { backConversion, type Context, conversion, decisions, resources } from "../context.ts";
import { detailOf, isLeftOut, lastingDetail, withDetail } from "../../copying/ledger-detail.ts";
import { carryBackEndpoints } from "./carry-back-endpoints.ts";
import { rangesByRank, rowsInRange } from "../../copying/ledger-ranges.ts";
import { isMissing } from "../missing-kinds.ts";
import { agreedLosses, consentToLosses, lossRow, recordLosses } from "../not-carried-back.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readSources } from "../source.ts";
import { isSharedEtcd, lockAgain } from "./lock-again.ts";
import { verifySweep } from "../stages/verify.ts";
import type { Conversions } from "../stages/verify-kind.ts";
import { COPIED_RANKS } from "../stages/pre-copy.ts";
import { listPage, readTarget } from "../../target/calls.ts";
import { objectTargetId, refOf } from "../target-refs.ts";

const PAGE = 200;
const PAGES_PER_WORK = 10;
const PASS = "carry-back";

const Cursor = z.object({
  phase: z.enum(["deleted", "end"]),
  after: z.object({ rank: z.int(), key: z.string() }).optional(),
});
const Scope = z.union([
  z.object({ kind: z.string() }),
  z.object({ rank: z.int(), from: z.string(), to: z.string() }),
]);
const Progress = z.object({ continueToken: z.string() });
const WRITTEN_BY_OTHERS = "others, for whom etcd was unlocked, have written it there since: etcd's is kept";

/** How values are converted, and whether others may have written to etcd since the unlock. */
interface Sharing extends Conversions {
  isShared: boolean;
}

/**
 * Writes to etcd what changed in the Kubernetes datastore after the unlock: first what the target lists, kind by kind,
 * then the deletions, which are the copied resources that no list has shown.
 */
const carryBack: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: "carry-back",
  title: "carry what changed since the unlock back into etcd",
  plan: async (context, previous) => {
    if (previous === undefined)
      return { batches: kindBatches(), cursor: { phase: "deleted" }, barrier: true };
    const cursor = Cursor.parse(previous);
    if (cursor.phase === "end") return { batches: [], done: true };
    const after = cursor.after === undefined ? {} : { after: cursor.after };
    const page = await resources(context).list({ ...after, limit: PAGE * PAGES_PER_WORK });
    const last = page.at(-1);
    if (last === undefined) return { batches: [], cursor: { phase: "end" }, barrier: true };
    const next = { phase: "deleted", after: { rank: last.rank, key: last.key } };
    return { batches: rangeBatches(page), cursor: next };
  },
  work: async (context, batch) => {
    const scope = Scope.parse(batch.scope);
    if ("kind" in scope) return carryKind(context, scope.kind, batch);
    return { done: true, counts: { deleted: await carryDeletions(context, scope) } };
  },
};

type AnyStage = Stage<ClusterConnections, EtcdToKubernetesOptions>;

/** The way back after the unlock; none of it where `unlock` has begun, and failed before the Kubernetes datastore was opened. */
export const carryBackStages: readonly AnyStage[] = [
  lockAgain,
  carryBack,
  carryBackEndpoints,
  {
    ...verifySweep({
      name: "verify-carried-back",
      title: "compare both sides again",
      sourceChanged: "difference",
      writtenByOthers: "difference",
      accepted: agreedLosses,
    }),
    approvals: [consentToLosses],
  },
].map(onceOpened);

/** Nobody has used a datastore that was never opened: nothing is to be carried back, and etcd may be anybody's by now. */
function onceOpened(stage: AnyStage): AnyStage {
  const isClosed = async (context: Context): Promise<boolean> =>
    (await context.notesOf("unlock"))["opening"] === false;
  switch (stage.kind) {
    case "action":
      return {
        ...stage,
        act: async (context) => ((await isClosed(context)) ? { done: true } : stage.act(context)),
      };
    case "sweep":
      return {
        ...stage,
        plan: async (context, cursor) =>
          (await isClosed(context)) ? { batches: [], done: true } : stage.plan(context, cursor),
      };
    case "gate":
      return stage;
  }
}

function kindBatches(): { scope: JsonObject; size: number }[] {
  const carried = KINDS.filter((info) => info.carried === true && info.rank > 0);
  return carried.map(({ kind }) => ({ scope: { kind }, size: 0 }));
}

function rangeBatches(page: readonly Checkpoint[]): { scope: JsonObject; size: number }[] {
  return rangesByRank(page, COPIED_RANKS).map((range) => ({ scope: { ...range }, size: 0 }));
}

async function carryKind(
  context: Context,
  kind: string,
  batch: Readonly<BatchRecord>,
): Promise<BatchOutcome> {
  if (await isMissing(context, kind)) return { done: true, counts: {} };
  const { targetGroup } = await decisions(context);
  const ref = targetKind(kindInfo(kind), targetGroup);
  let token = batch.progress === undefined ? undefined : Progress.parse(batch.progress).continueToken;
  let carried = 0;
  for (let pages = 0; pages < PAGES_PER_WORK; pages++) {
    const page = await listPage(context, ref, { limit: PAGE, continueToken: token }, "afresh");
    carried += await carryObjects(context, kind, page.items);
    token = page.continueToken;
    if (token === undefined) break;
  }
  if (token !== undefined) return { more: true, progress: { continueToken: token } };
  return { done: true, counts: { carriedBack: carried } };
}

async function carryObjects(context: Context, kind: string, objects: readonly JsonObject[]): Promise<number> {
  const convert = {
    there: await conversion(context),
    back: await backConversion(context),
    isShared: await isSharedEtcd(context),
  };
  const ref = targetKind(kindInfo(kind), convert.there.targetGroup);
  const byTarget = new Map(objects.map((object) => [objectTargetId(ref, object), object]));
  const known = await resources(context).findByTarget([...byTarget.keys()]);
  const live = known.filter(({ state }) => state !== "reverted");
  const settled: Checkpoint[] = [];
  const fresh: Checkpoint[] = [];
  const lost: Checkpoint[] = [];
  let carried = 0;
  for (const { checkpoint, source } of await readSources(context, live)) {
    const object = byTarget.get(checkpoint.target);
    if (object === undefined) continue;
    const { row, skipped } = await carryKnown(context, convert, { checkpoint, source, object });
    if (skipped !== undefined) lost.push(lossRow(kind, checkpoint.target, object, skipped));
    if (row.sourceRevision !== checkpoint.sourceRevision) carried++;
    settled.push(row);
  }
  const seen = new Set([...live, ...known.filter(isLeftOut)].map(({ target }) => target));
  for (const [target, object] of byTarget) {
    if (seen.has(target)) continue;
    const row = await carryNew(context, convert, { kind, target, object });
    if (row === undefined) continue;
    if ("skipped" in row) lost.push(lossRow(kind, target, object, row.skipped));
    else fresh.push(row);
  }
  await recordLosses(context, lost);
  await resources(context).put(settled);
  await addResources(context, fresh);
  return carried + fresh.length;
}

/** Brings the source of a copied resource up to date; what means the same is left as it is, byte for byte. `skipped` says why not. */
async function carryKnown(
  context: Context,
  convert: Sharing,
  pair: { checkpoint: Checkpoint; source: EtcdKeyValue | undefined; object: JsonObject },
): Promise<{ row: Checkpoint; skipped?: string }> {
  const { checkpoint, source, object } = pair;
  const current = { ...checkpoint, sourceRevision: source?.modRevision ?? 0 };
  const comparison = await compareResource(context, convert.there, {
    checkpoint: current,
    source,
    target: object,
  });
  const seen = withDetail(ownedBy(current, object), { pass: PASS });
  if (comparison.result === "equal") return { row: { ...seen, state: "applied" } };
  if (convert.isShared && source?.modRevision !== checkpoint.sourceRevision)
    return { row: { ...seen, sourceRevision: checkpoint.sourceRevision }, skipped: WRITTEN_BY_OTHERS };
  const back = backwardContext(convert.back, { key: checkpoint.key, existing: source });
  const write = backward(object, back);
  if ("skipped" in write) return { row: seen, skipped: write.skipped };
  const sourceRevision = await putSource(context, checkpoint.key, write.value, source);
  return { row: { ...seen, state: "applied", sourceRevision } };
}

/** An object that was deleted and created again since the unlock came after it, like any new one. */
function ownedBy(checkpoint: Checkpoint, object: JsonObject): Checkpoint {
  const targetUid = textAt(object, "metadata", "uid");
  if (checkpoint.targetUid === targetUid) return checkpoint;
  return withDetail({ ...checkpoint, targetUid }, { created: true });
}

/** Writes an object that came after the unlock, or says why it cannot; undefined for what Calico makes itself on each side. */
async function carryNew(
  context: Context,
  { back, isShared }: Sharing,
  found: { kind: string; target: string; object: JsonObject },
): Promise<Checkpoint | Skipped | undefined> {
  if (!cameAfterUnlock(found.kind, found.object)) return undefined;
  const keys = etcdKeysFor(found.object, back);
  const held = await context.connections.etcd().getMany(keys);
  const key = keys.find((one) => held.has(one)) ?? keys[0];
  if (key === undefined) return skippedBy(backward(found.object, back));
  const existing = held.get(key);
  const write = backward(found.object, backwardContext(back, { key, existing }));
  if ("skipped" in write) return write;
  if (isShared && existing !== undefined && existing.value.toString("utf8") !== write.value)
    return { skipped: WRITTEN_BY_OTHERS };
  const sourceRevision = await putSource(context, write.key, write.value, existing);
  const namespace = textAt(found.object, "metadata", "namespace");
  return {
    rank: rankOf(write.key) ?? 1,
    key: write.key,
    state: "applied",
    target: found.target,
    sourceRevision,
    targetUid: textAt(found.object, "metadata", "uid"),
    detail: { kind: found.kind, ...(namespace === "" ? {} : { namespace }), created: true, pass: PASS },
  };
}

function skippedBy(write: EtcdWrite | Skipped): Skipped {
  return "skipped" in write ? write : { skipped: "etcd has no key for it" };
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

async function putSource(
  context: Context,
  key: string,
  value: string,
  existing: EtcdKeyValue | undefined,
): Promise<number> {
  if (existing?.value.toString("utf8") === value) return existing.modRevision;
  context.ensureHeld();
  const etcd = context.connections.etcd();
  const written = await etcd.compareAndPut({
    key,
    expectedModRevision: existing?.modRevision ?? "absent",
    value,
  });
  if (written.applied) return written.revision;
  throw new MigratorError(
    "SOURCE_WRITTEN_MEANWHILE",
    `somebody else has written ${key} during the rollback`,
    {
      next: "Stop whoever writes to the locked etcd, then `resume`.",
      retryable: true,
    },
  );
}

/** Deletes from the source what was deleted from the target after the unlock. */
async function carryDeletions(
  context: Context,
  scope: { rank: number; from: string; to: string },
): Promise<number> {
  const { targetGroup } = await decisions(context);
  const rows = await rowsInRange(resources(context), scope, { limit: PAGE * PAGES_PER_WORK });
  const unseen = rows.filter((row) => row.state !== "reverted" && detailOf(row).pass !== PASS);
  const isShared = await isSharedEtcd(context);
  const gone: Checkpoint[] = [];
  const kept: Checkpoint[] = [];
  for (const row of unseen) {
    if ((await readTarget(context, refOf(row, targetGroup))) !== undefined) continue;
    context.ensureHeld();
    const expectedModRevision = isShared ? row.sourceRevision : "any";
    const deleted = await context.connections.etcd().compareAndDelete({ key: row.key, expectedModRevision });
    if (!deleted.applied && deleted.current !== undefined) kept.push(keptRow(row));
    gone.push(withDetail({ ...row, state: "reverted" }, { gone: true }));
  }
  await recordLosses(context, kept);
  await resources(context).put(gone);
  return gone.length - kept.length;
}

/** A deletion that is not carried back, as others have written to etcd what was deleted. */
function keptRow(row: Checkpoint): Checkpoint {
  const { before: _irrelevant, ...place } = lastingDetail(row);
  const detail = { ...place, deleted: true, reason: `it was deleted in Kubernetes; ${WRITTEN_BY_OTHERS}` };
  return { rank: row.rank, key: row.target, target: row.target, state: "pending", sourceRevision: 0, detail };
}
